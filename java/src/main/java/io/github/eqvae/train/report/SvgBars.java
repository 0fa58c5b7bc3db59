package io.github.eqvae.train.report;

import java.util.List;
import java.util.stream.Collectors;

/** Groups of bars, values above them. */
final class SvgBars {
  private static final int WIDEST = 52;

  /** The approximate width of a digit. */
  private static final double DIGIT = 6.8;

  private SvgBars() {}

  static String draw(ReportData.Bars bars, Svg.Size size) {
    double high = 0;
    for (ReportData.Values v : bars.series()) {
      for (double d : v.values()) {
        high = Math.max(high, Double.isFinite(d) ? d : 0);
      }
    }
    int models = bars.series().size();
    double slot = size.plotWidth() / (double) bars.categories().size();
    double width = Math.min(WIDEST, slot * 0.86 / models);
    boolean upright = width < 5 * DIGIT + 2; // a value such as 0.123 is wider than its bar
    Scale y = Scale.of(false, 0, (high > 0 ? high : 1) * (upright ? 1.3 : 1.12));
    StringBuilder out = size.open(label(bars));
    size.vertical(out, y, bars.yLabel());
    int longest = bars.categories().stream().mapToInt(String::length).max().orElse(1);
    int every = (int) Math.ceil(longest * DIGIT / slot);
    for (int c = 0; c < bars.categories().size(); c++) {
      double centre = size.left() + slot * (c + 0.5);
      for (int k = 0; k < models; k++) {
        ReportData.Values model = bars.series().get(k);
        double left = centre + (k - models / 2.0) * width;
        bar(out, size, y, left, width, k, model, c, bars.categories().get(c), upright);
      }
      if (c % every == 0) {
        Svg.text(out, "tick", "middle", centre, size.floor() + 18, bars.categories().get(c));
      }
    }
    return out.append("</svg>").toString();
  }

  private static void bar(
      StringBuilder out,
      Svg.Size size,
      Scale y,
      double left,
      double width,
      int k,
      ReportData.Values model,
      int c,
      String category,
      boolean upright) {
    double value = model.values().get(c);
    double top = size.y(y, Double.isFinite(value) ? value : 0);
    double gap = Math.min(2, width / 8);
    out.append(
        Svg.f(
            "<rect class='bar %s' x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='2'>"
                + "<title>%s, %s: %.4f</title></rect>",
            Style.series(k),
            left + gap,
            top,
            width - 2 * gap,
            size.floor() - top,
            Html.escape(model.name()),
            Html.escape(category),
            value));
    double middle = left + width / 2;
    out.append(
        upright
            ? Svg.f(
                "<text class='value' transform='translate(%.1f %.1f) rotate(-90)'>%.3f</text>",
                middle + 4, top - 4, value)
            : Svg.f(
                "<text class='value' text-anchor='middle' x='%.1f' y='%.1f'>%.3f</text>",
                middle, top - 5, value));
  }

  /** Title and all values, as a text for screen readers. */
  private static String label(ReportData.Bars bars) {
    return bars.title()
        + ", "
        + bars.yLabel()
        + ". "
        + bars.series().stream()
            .map(s -> s.name() + ": " + values(bars.categories(), s.values()))
            .collect(Collectors.joining("; "));
  }

  private static String values(List<String> categories, List<Double> values) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < values.size(); i++) {
      out.append(i == 0 ? "" : ", ").append(categories.get(i));
      out.append(Svg.f(" %.3f", values.get(i)));
    }
    return out.toString();
  }
}
