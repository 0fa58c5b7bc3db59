package io.github.eqvae.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class ReportTest {
  private static final String EVIL = "<script>alert('x')</script> & \"co\"";
  private static final byte[] NO_PNG = {1, 2, 3};

  private static final ReportData.Series HOLES =
      new ReportData.Series(
          EVIL,
          new double[] {1, 2, 3, 4},
          new double[] {3, Double.NaN, Double.POSITIVE_INFINITY, 1});

  private static ReportData.Chart chart(ReportData.Axis axis, ReportData.Series... series) {
    return new ReportData.Chart(EVIL, EVIL, EVIL, axis, true, List.of(series));
  }

  private static ReportData.Series series(String name, double... y) {
    double[] x = new double[y.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = i + 1;
    }
    return new ReportData.Series(name, x, y);
  }

  private static String html(ReportData.Block... blocks) {
    return Report.html(
        new ReportData(
            EVIL,
            EVIL,
            List.of(new ReportData.Tile(EVIL, EVIL, NO_PNG)),
            List.of(new ReportData.Figure(EVIL, EVIL, EVIL)),
            EVIL,
            List.of(new ReportData.Section(EVIL, EVIL, List.of(blocks)))));
  }

  private static String everything() {
    return html(
        chart(ReportData.Axis.LINEAR, HOLES),
        chart(ReportData.Axis.SWITCHED, HOLES),
        new ReportData.Bars(
            EVIL,
            EVIL,
            List.of("90°", EVIL),
            List.of(new ReportData.Values(EVIL, List.of(0.5, Double.NaN)))),
        new ReportData.Pictures(
            EVIL, List.of(new ReportData.PictureRow(EVIL, EVIL, List.of(NO_PNG)))),
        new ReportData.Table(EVIL, List.of(EVIL), List.of(List.of(EVIL))),
        new ReportData.Text(EVIL, EVIL, true),
        new ReportData.Text(EVIL, EVIL, false));
  }

  @Test
  void nothingFromOutsideIsRunOrLoaded() {
    String html = everything();
    assertTrue(html.contains("@media print{"), "a style for paper");
    assertFalse(html.contains("<script"), "text became code");
    assertTrue(html.contains("&lt;script&gt;"));
    Matcher source = Pattern.compile("(?:src|href)=[\"']([^\"']*)").matcher(html);
    int sources = 0;
    while (source.find()) {
      assertTrue(source.group(1).startsWith("data:"), "loads " + source.group(1));
      sources++;
    }
    assertEquals(3, sources, "the icon and two pictures");
    assertFalse(html.contains("url("), "the style loads something");
  }

  /** Seen: a run's name without spaces made a page wider than a phone, by its legends. */
  @Test
  void longNamesOfRunsAreBroken() {
    assertTrue(everything().contains(".legend span{min-width:0;overflow-wrap:anywhere}"));
  }

  /** Every drawing of a page, parsed. */
  private static List<Element> drawings(String html) throws Exception {
    Matcher svg =
        Pattern.compile("<svg class='(?:wide|narrow)'.*?</svg>", Pattern.DOTALL).matcher(html);
    List<Element> out = new java.util.ArrayList<>();
    while (svg.find()) {
      // "NaN" may be written as a label; it must not be a coordinate
      String coordinates = svg.group().replaceAll(" aria-label='[^']*'", "");
      assertFalse(
          Pattern.compile("='[^']*(NaN|Infinity)[^']*'").matcher(coordinates).find(), coordinates);
      out.add(
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new InputSource(new StringReader(svg.group())))
              .getDocumentElement());
    }
    return out;
  }

  @Test
  void drawingsAreWellFormedAndWithoutHolesInNumbers() throws Exception {
    // Two sizes each: one axis, two axes, bars.
    assertEquals(8, drawings(everything()).size());
  }

  @Test
  void whatIsDrawnHasAName() throws Exception {
    String html =
        html(
            new ReportData.Chart(
                "Loss",
                "steps",
                "nats",
                ReportData.Axis.SWITCHED,
                true,
                List.of(series("a", 1, 2), series("b", 2, 3))),
            new ReportData.Bars(
                "Errors",
                "relative error",
                List.of("90°"),
                List.of(new ReportData.Values("a", List.of(0.25)))),
            new ReportData.Pictures(
                "EQ",
                List.of(new ReportData.PictureRow("originals", "", List.of(NO_PNG, NO_PNG)))));
    List<String> names = drawings(html).stream().map(d -> d.getAttribute("aria-label")).toList();
    assertEquals("Loss (nats) over steps: a, b", names.get(0));
    assertEquals("Loss (nats, logarithmic axis) over steps: a, b", names.get(2));
    assertEquals("Errors, relative error. a: 90° 0.250", names.get(4));
    assertTrue(html.contains("<img alt='EQ: originals, image 2 of 2'"), html);
    assertEquals(
        html.split("<img ", -1).length, html.split("<img alt='[^']", -1).length, "an alt is empty");
  }

  /** A switch is two radio buttons before what they show; where it makes no sense there is none. */
  @Test
  void aSwitchNeedsNoScript() {
    String switched = html(chart(ReportData.Axis.SWITCHED, series("a", 1, 2)));
    assertTrue(
        switched.matches(
            "(?s).*type='radio' name='axis1' id='axis1linear' class='linear'"
                + " checked>.*id='axis1log' class='log'>.*<div class='view linear'>.*<div"
                + " class='view log'>.*"),
        switched);
    assertTrue(switched.contains(".chart>.log:checked~.view.log{display:block}"));
    assertTrue(
        html(chart(ReportData.Axis.SWITCHED_LOGARITHMIC, series("a", 1, 2)))
            .contains("class='log' checked>"));
    for (double least : new double[] {0, -1}) {
      assertFalse(
          html(chart(ReportData.Axis.SWITCHED, series("a", least, 2))).contains("type='radio'"));
    }
    assertFalse(html(chart(ReportData.Axis.LINEAR, series("a", 1, 2))).contains("type='radio'"));
  }

  /** About as wide as the font that pages use; a chart's texts are {@code 12px} high. */
  private static double width(Element text) {
    return 6.7 * text.getTextContent().codePointCount(0, text.getTextContent().length());
  }

  private static double[] box(Element text) {
    double x = Double.parseDouble(text.getAttribute("x"));
    double w = width(text);
    double left =
        switch (text.getAttribute("text-anchor")) {
          case "end" -> x - w;
          case "middle" -> x - w / 2;
          default -> x;
        };
    double y = Double.parseDouble(text.getAttribute("y"));
    return new double[] {left, y - 10, left + w, y};
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "large", "flat", "negative", "spectrum", "many bars"})
  void textsDoNotOverlapAndStayInside(String what) throws Exception {
    ReportData.Block block =
        switch (what) {
          case "small" -> named(ReportData.Axis.SWITCHED, series("a", 0.0123, 0.0131, 0.0129));
          case "large" ->
              named(
                  ReportData.Axis.SWITCHED,
                  series("a", new double[120_000]),
                  series("b", 3e5, 12, 123_456));
          case "flat" -> named(ReportData.Axis.LINEAR, series("a", 27.3));
          case "negative" -> named(ReportData.Axis.FROM_ZERO, series("a", -0.25, 1.75));
          case "spectrum" -> named(ReportData.Axis.SWITCHED, series("a", 1e-7, 55, 3));
          default ->
              new ReportData.Bars(
                  "Errors",
                  "relative error",
                  List.of("45°", "90°", "135°", "180°", "225°", "270°", "315°", "×0.125", "×0.25"),
                  List.of(
                      new ReportData.Values("a", java.util.Collections.nCopies(9, 0.123)),
                      new ReportData.Values("b", java.util.Collections.nCopies(9, 0.456)),
                      new ReportData.Values("c", java.util.Collections.nCopies(9, 0.789))));
        };
    List<Element> drawings = drawings(html(block));
    assertFalse(drawings.isEmpty());
    for (Element drawing : drawings) {
      String[] canvas = drawing.getAttribute("viewBox").split(" ");
      NodeList texts = drawing.getElementsByTagName("text");
      for (int i = 0; i < texts.getLength(); i++) {
        Element a = (Element) texts.item(i);
        if (!a.getAttribute("transform").isEmpty()) {
          continue; // upright: as wide as it is high
        }
        double[] p = box(a);
        assertTrue(
            p[0] >= -2 && p[2] <= Double.parseDouble(canvas[2]) + 2,
            () -> what + ": " + a.getTextContent() + " is cut in " + drawing.getAttribute("class"));
        for (int j = i + 1; j < texts.getLength(); j++) {
          Element b = (Element) texts.item(j);
          if (b.getAttribute("transform").isEmpty()) {
            double[] q = box(b);
            boolean apart = p[2] <= q[0] || q[2] <= p[0] || p[3] <= q[1] || q[3] <= p[1];
            assertTrue(
                apart, () -> what + ": " + a.getTextContent() + " over " + b.getTextContent());
          }
        }
      }
    }
  }

  private static ReportData.Chart named(ReportData.Axis axis, ReportData.Series... series) {
    return new ReportData.Chart("Loss", "steps", "loss", axis, false, List.of(series));
  }

  @ParameterizedTest
  @EnumSource(ReportData.Axis.class)
  void ticksAreToldApart(ReportData.Axis axis) throws Exception {
    for (double[] y : new double[][] {{27.2, 27.9}, {0.001, 0.0014}, {12_000, 12_500}, {1, 1e9}}) {
      for (Element drawing : drawings(html(named(axis, series("a", y))))) {
        NodeList texts = drawing.getElementsByTagName("text");
        java.util.Set<String> seen = new java.util.HashSet<>();
        int vertical = 0;
        for (int i = 0; i < texts.getLength(); i++) {
          Element t = (Element) texts.item(i);
          if (t.getAttribute("text-anchor").equals("end") && box(t)[2] < 60) {
            vertical++;
            assertTrue(seen.add(t.getTextContent()), t.getTextContent() + " twice");
          }
        }
        assertTrue(vertical >= 2, "an axis of " + vertical + " numbers for " + y[0]);
      }
    }
  }

  /** WCAG 2.2: 1.4.3 for text, 1.4.11 for what is drawn. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void contrastIsThatOfLevelAa(boolean dark) {
    Map<String, String> colours = Style.colours(dark ? Style.DARK : Style.LIGHT);
    assertEquals(5 + Style.COLOURS, colours.size(), colours.toString());
    for (String ground : List.of("bg", "card")) {
      for (String text : List.of("ink", "dim")) {
        double c = contrast(colours.get(text), colours.get(ground));
        assertTrue(c >= 4.5, text + " on " + ground + ": " + c);
      }
      for (int k = 0; k < Style.COLOURS; k++) {
        double c = contrast(colours.get("c" + k), colours.get(ground));
        assertTrue(c >= 3, "c" + k + " on " + ground + ": " + c);
      }
    }
  }

  private static double contrast(String a, String b) {
    double x = luminance(a);
    double y = luminance(b);
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  }

  private static double luminance(String hex) {
    String six = hex.length() == 4 ? hex.replaceAll("([0-9a-f])", "$1$1") : hex;
    double[] weights = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      double v = Integer.parseInt(six.substring(1 + 2 * i, 3 + 2 * i), 16) / 255.0;
      sum += weights[i] * (v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
    }
    return sum;
  }
}
