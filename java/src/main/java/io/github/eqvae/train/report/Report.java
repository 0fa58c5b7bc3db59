package io.github.eqvae.train.report;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Turns {@link ReportData} into one HTML file without any outside reference and without scripts: it
 * can be mailed and archived, read on a phone and printed.
 */
public final class Report {
  /** Smaller pictures are enlarged without smoothing, so that single pixels can be seen. */
  private static final int PIXELS = 128;

  private static final int PNG_WIDTH = 16;
  private static final int PNG_HEADER = 24;

  private final StringBuilder out = new StringBuilder();
  private int switches;

  private Report() {}

  /**
   * The report.
   *
   * @param data what it shows
   * @return a complete HTML document
   */
  public static String html(ReportData data) {
    return new Report().page(data);
  }

  private String page(ReportData data) {
    String title = Html.escape(data.title());
    out.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    out.append("<meta name=\"generator\" content=\"eqvae\">");
    out.append("<link rel=\"icon\" href=\"data:,\"><title>").append(title).append("</title>");
    out.append("<style>").append(Style.sheet()).append("</style></head><body><main>");
    out.append("<h1>").append(title).append("</h1>");
    paragraph("", data.lead());
    tiles(data.tiles());
    figures(data.figures());
    paragraph("dim", data.summary());
    data.sections().stream().filter(s -> !s.blocks().isEmpty()).forEach(this::section);
    return out.append("</main></body></html>\n").toString();
  }

  private void paragraph(String style, String text) {
    if (!text.isEmpty()) {
      out.append(style.isEmpty() ? "<p>" : "<p class='" + style + "'>");
      out.append(Html.escape(text)).append("</p>");
    }
  }

  private void tiles(List<ReportData.Tile> tiles) {
    if (tiles.isEmpty()) {
      return;
    }
    out.append("<div class='hero'>");
    for (ReportData.Tile t : tiles) {
      out.append("<figure>");
      picture(t.png(), (t.title() + " " + t.note()).strip());
      out.append("<figcaption><b>").append(Html.escape(t.title())).append("</b><span>");
      out.append(Html.escape(t.note())).append("</span></figcaption></figure>");
    }
    out.append("</div>");
  }

  private void figures(List<ReportData.Figure> figures) {
    if (figures.isEmpty()) {
      return;
    }
    out.append("<div class='figures'>");
    for (ReportData.Figure f : figures) {
      out.append("<div class='card figure'><b>").append(Html.escape(f.value()));
      out.append("</b><span>").append(Html.escape(f.label()));
      out.append("</span><small>").append(Html.escape(f.note())).append("</small></div>");
    }
    out.append("</div>");
  }

  private void section(ReportData.Section section) {
    out.append("<h2>").append(Html.escape(section.title())).append("</h2>");
    paragraph("dim", section.text());
    boolean beside =
        section.blocks().stream()
            .noneMatch(b -> b instanceof ReportData.Table || b instanceof ReportData.Text);
    out.append(beside ? "<div class='grid'>" : "<div>");
    for (ReportData.Block block : section.blocks()) {
      switch (block) {
        case ReportData.Chart chart -> chart(chart);
        case ReportData.Bars bars -> bars(bars);
        case ReportData.Pictures pictures -> pictures(pictures);
        case ReportData.Table table -> table(table);
        case ReportData.Text text -> text(text);
      }
    }
    out.append("</div>");
  }

  private void open(String style, String title) {
    out.append("<div class='card ").append(style).append("'><h3>");
    out.append(Html.escape(title)).append("</h3>");
  }

  private void pictures(ReportData.Pictures pictures) {
    open("", pictures.title());
    for (ReportData.PictureRow row : pictures.rows()) {
      out.append("<div class='row'><span>").append(Html.escape(row.label()));
      if (!row.note().isEmpty()) {
        out.append(" <small>").append(Html.escape(row.note())).append("</small>");
      }
      int n = row.pngs().size();
      out.append("</span><div class='strip").append(n == 1 ? " few" : "").append("'>");
      for (int i = 0; i < n; i++) {
        String of = n == 1 ? "" : ", image " + (i + 1) + " of " + n;
        picture(row.pngs().get(i), pictures.title() + ": " + row.label() + of);
      }
      out.append("</div></div>");
    }
    out.append("</div>");
  }

  private void picture(byte[] png, String alt) {
    out.append("<img alt='").append(Html.escape(alt)).append("'");
    if (png.length >= PNG_HEADER) {
      ByteBuffer header = ByteBuffer.wrap(png);
      int width = header.getInt(PNG_WIDTH);
      int height = header.getInt(PNG_WIDTH + Integer.BYTES);
      out.append(" width='").append(width).append("' height='").append(height).append("'");
      out.append(width < PIXELS ? " class='pixels'" : "");
    }
    out.append(" src='data:image/png;base64,");
    out.append(Base64.getEncoder().encodeToString(png)).append("'>");
  }

  private void bars(ReportData.Bars bars) {
    open("chart", bars.title());
    legend(bars.series().stream().map(ReportData.Values::name).toList(), true);
    Svg.Size.both(size -> out.append(SvgBars.draw(bars, size)));
    out.append("</div>");
  }

  private void chart(ReportData.Chart chart) {
    open("chart", chart.title());
    legend(chart.series().stream().map(ReportData.Series::name).toList(), false);
    if (Svg.mayBeLogarithmic(chart)) {
      boolean log = chart.axis() == ReportData.Axis.SWITCHED_LOGARITHMIC;
      String name = "axis" + ++switches;
      choice(name, "linear", "linear axis", !log);
      choice(name, "log", "logarithmic axis", log);
      for (boolean logarithmic : new boolean[] {false, true}) {
        out.append("<div class='view ").append(logarithmic ? "log" : "linear").append("'>");
        Svg.Size.both(size -> out.append(Svg.lines(chart, logarithmic, size)));
        out.append("</div>");
      }
    } else {
      Svg.Size.both(size -> out.append(Svg.lines(chart, false, size)));
    }
    out.append("</div>");
  }

  /** Radio buttons in front of what they show: a style sheet can switch that without scripts. */
  private void choice(String name, String style, String label, boolean checked) {
    out.append("<input type='radio' name='").append(name).append("' id='").append(name);
    out.append(style).append("' class='").append(style).append("'");
    out.append(checked ? " checked" : "").append("><label for='").append(name).append(style);
    out.append("'>").append(label).append("</label>");
  }

  private void legend(List<String> names, boolean filled) {
    if (names.size() < 2) {
      return;
    }
    out.append("<div class='legend'>");
    for (int k = 0; k < names.size(); k++) {
      out.append("<span><svg class='key' viewBox='0 0 24 10' aria-hidden='true'>");
      String style = Style.series(k);
      out.append(
          filled
              ? "<rect class='" + style + "' width='24' height='10' rx='2'/>"
              : "<path class='line " + style + "' d='M0 5H24'/>");
      out.append("</svg>").append(Html.escape(names.get(k))).append("</span>");
    }
    out.append("</div>");
  }

  private void table(ReportData.Table table) {
    String title = Html.escape(table.title());
    open("below", table.title());
    out.append("<div class='scroll' tabindex='0' role='region' aria-label='").append(title);
    out.append("'><table><thead><tr>");
    table
        .header()
        .forEach(h -> out.append("<th scope='col'>").append(Html.escape(h)).append("</th>"));
    out.append("</tr></thead><tbody>");
    for (List<String> row : table.rows()) {
      out.append("<tr><th scope='row'>").append(Html.escape(row.getFirst())).append("</th>");
      out.append(
          row.stream()
              .skip(1)
              .map(cell -> "<td>" + Html.escape(cell) + "</td>")
              .collect(Collectors.joining()));
      out.append("</tr>");
    }
    out.append("</tbody></table></div></div>");
  }

  private void text(ReportData.Text text) {
    String lines = "<pre>" + Html.escape(text.lines()) + "</pre>";
    if (text.folded()) {
      out.append("<div class='card below'><details><summary>").append(Html.escape(text.title()));
      out.append("</summary>").append(lines).append("</details></div>");
    } else {
      open("below", text.title());
      out.append(lines).append("</div>");
    }
  }
}
