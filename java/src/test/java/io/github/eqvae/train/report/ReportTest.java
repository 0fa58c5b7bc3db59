package io.github.eqvae.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

class ReportTest {
  private static final String EVIL = "<script>alert('x')</script> & \"co\"";

  private static final ReportData.Series CURVE =
      new ReportData.Series(
          EVIL,
          new double[] {1, 2, 3, 4},
          new double[] {3, Double.NaN, Double.POSITIVE_INFINITY, 1});

  private static ReportData data() {
    ReportData.Bars bars =
        new ReportData.Bars(
            EVIL,
            List.of("90°", EVIL),
            List.of(new ReportData.Values(EVIL, List.of(0.5, Double.NaN))));
    return new ReportData(
        EVIL,
        EVIL,
        List.of(new ReportData.Figure(EVIL, EVIL, EVIL)),
        List.of(
            new ReportData.Chart(EVIL, List.of(CURVE), false),
            new ReportData.Chart(EVIL, List.of(CURVE), true)),
        List.of(new ReportData.PictureRow(EVIL, EVIL, List.of(new byte[] {1, 2, 3}))),
        List.of(),
        List.of(bars),
        List.of(),
        List.of(new ReportData.Table(EVIL, List.of(EVIL), List.of(List.of(EVIL)))),
        EVIL,
        EVIL,
        EVIL);
  }

  @Test
  void nothingFromOutsideIsRunOrLoaded() {
    String html = Report.html(data());
    assertFalse(html.contains("<script"), "text became code");
    assertTrue(html.contains("&lt;script&gt;"));
    Matcher source = Pattern.compile("(?:src|href)=\"([^\"]*)\"").matcher(html);
    int pictures = 0;
    while (source.find()) {
      assertTrue(source.group(1).startsWith("data:"), "loads " + source.group(1));
      pictures++;
    }
    assertEquals(1, pictures);
    assertFalse(html.contains("url("), "the style loads something");
  }

  @Test
  void drawingsAreWellFormedAndWithoutHolesInNumbers() throws Exception {
    Matcher svg = Pattern.compile("<svg.*?</svg>", Pattern.DOTALL).matcher(Report.html(data()));
    int drawings = 0;
    while (svg.find()) {
      String text = svg.group();
      // "NaN" may be written as a label; it must not be a coordinate
      assertFalse(
          Pattern.compile("='[^']*(NaN|Infinity)[^']*'").matcher(text).find(), "a coordinate");
      DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(text)));
      drawings++;
    }
    assertTrue(drawings >= 3, "loss curves and bars: " + drawings);
  }
}
