package io.github.eqvae.train.report;

import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Charts as inline SVG: colours come from the page's style sheet, so they follow its light and dark
 * mode. Each is drawn twice, for wide screens and for phones; text has the same size in both, and
 * the style sheet shows one.
 */
final class Svg {
  private static final int MAX_POINTS = 400;
  private static final int SMOOTHING = 25;

  /** A curve with at most this many points has a mark at each. */
  private static final int FEW_POINTS = 40;

  private Svg() {}

  /**
   * A canvas and the margins of its plot.
   *
   * @param name of the style's class
   */
  record Size(String name, int width, int height, int left, int right, int top, int bottom) {
    static final Size WIDE = new Size("wide", 520, 270, 52, 14, 26, 40);
    static final Size NARROW = new Size("narrow", 340, 230, 48, 12, 26, 40);

    static void both(Consumer<Size> draw) {
      draw.accept(WIDE);
      draw.accept(NARROW);
    }

    int plotWidth() {
      return width - left - right;
    }

    int floor() {
      return height - bottom;
    }

    double y(Scale scale, double value) {
      return floor() - scale.share(value) * (floor() - top);
    }

    double x(Scale scale, double value) {
      return left + scale.share(value) * plotWidth();
    }

    /** Opens a drawing whose name says what it shows. */
    StringBuilder open(String label) {
      return new StringBuilder(
          f(
              "<svg class='%s' viewBox='0 0 %d %d' role='img' aria-label='%s'>",
              name, width, height, Html.escape(label)));
    }

    /** Lines and numbers of the vertical axis, and its name. */
    void vertical(StringBuilder out, Scale y, String label) {
      for (double tick : y.ticks()) {
        out.append(
            f(
                "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>",
                left, width - right, y(y, tick), y(y, tick)));
        text(out, "tick", "end", left - 6, y(y, tick) + 4, y.label(tick));
      }
      text(out, "tick", "start", 0, 12, label);
    }
  }

  static void text(
      StringBuilder out, String style, String anchor, double x, double y, String text) {
    out.append(
        f(
            "<text class='%s' text-anchor='%s' x='%.1f' y='%.1f'>%s</text>",
            style, anchor, x, y, Html.escape(text)));
  }

  /** Whether a chart offers a logarithmic axis, and can. */
  static boolean mayBeLogarithmic(ReportData.Chart chart) {
    if (chart.axis() == ReportData.Axis.LINEAR || chart.axis() == ReportData.Axis.FROM_ZERO) {
      return false;
    }
    double[] range = range(chart.series());
    return range[0] > 0 && range[0] < range[1];
  }

  /** Raw curves faintly, smoothed ones above; or points, where there are few. */
  static String lines(ReportData.Chart chart, boolean logarithmic, Size size) {
    double[] range = range(chart.series());
    double low = range[0];
    double high = range[1];
    if (!logarithmic && chart.axis() != ReportData.Axis.LINEAR) {
      low = Math.min(0, low);
      high = Math.max(0, high);
    }
    Scale y = Scale.of(logarithmic, low, high);
    Scale x = Scale.of(false, 0, Math.max(range[2], 1e-9));
    String names =
        chart.series().stream().map(ReportData.Series::name).collect(Collectors.joining(", "));
    StringBuilder out =
        size.open(
            chart.title()
                + " ("
                + chart.yLabel()
                + (logarithmic ? ", logarithmic axis" : "")
                + ") over "
                + chart.xLabel()
                + ": "
                + names);
    size.vertical(out, y, chart.yLabel());
    horizontal(out, size, x, chart.xLabel());
    for (int k = 0; k < chart.series().size(); k++) {
      ReportData.Series s = chart.series().get(k);
      String style = Style.series(k);
      if (chart.smooth()) {
        out.append(path(s.x(), s.y(), x, y, size, "raw " + style));
        out.append(path(s.x(), smoothed(s.y()), x, y, size, "line " + style));
      } else {
        out.append(path(s.x(), s.y(), x, y, size, "line " + style));
        if (s.x().length <= FEW_POINTS) {
          marks(out, s, x, y, size, style);
        }
      }
    }
    return out.append("</svg>").toString();
  }

  private static void horizontal(StringBuilder out, Size size, Scale x, String label) {
    for (double tick : x.ticks()) {
      boolean last = size.x(x, tick) > size.width() - size.right() - 16;
      text(
          out,
          "tick",
          last ? "end" : "middle", // not over the edge of the picture
          last ? Math.min(size.x(x, tick) + 12, size.width()) : size.x(x, tick),
          size.floor() + 16,
          x.label(tick));
    }
    text(out, "tick", "middle", size.left() + size.plotWidth() / 2.0, size.height() - 5, label);
  }

  private static void marks(
      StringBuilder out, ReportData.Series s, Scale x, Scale y, Size size, String style) {
    for (int i = 0; i < s.x().length; i++) {
      if (y.takes(s.y()[i])) {
        out.append(
            f(
                "<rect class='%s' x='%.1f' y='%.1f' width='6' height='6' rx='3'>"
                    + "<title>%s: %s</title></rect>",
                style,
                size.x(x, s.x()[i]) - 3,
                size.y(y, s.y()[i]) - 3,
                Html.escape(s.name()),
                f("%.4g", s.y()[i])));
      }
    }
  }

  /** Least and largest value, largest position. */
  private static double[] range(List<ReportData.Series> series) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    double end = 0;
    for (ReportData.Series s : series) {
      for (int i = 0; i < s.x().length; i++) {
        if (Double.isFinite(s.y()[i])) {
          low = Math.min(low, s.y()[i]);
          high = Math.max(high, s.y()[i]);
          end = Math.max(end, s.x()[i]);
        }
      }
    }
    return low <= high ? new double[] {low, high, end} : new double[] {0, 1, end};
  }

  private static String path(double[] xs, double[] ys, Scale x, Scale y, Size size, String style) {
    StringBuilder d = new StringBuilder();
    int step = Math.max(1, xs.length / MAX_POINTS);
    for (int i = 0; i < xs.length; i += step) {
      if (y.takes(ys[i])) {
        d.append(f("%s%.1f %.1f", d.isEmpty() ? "M" : "L", size.x(x, xs[i]), size.y(y, ys[i])));
      }
    }
    return "<path class='" + style + "' d='" + d + "'/>";
  }

  /** Windows are symmetric, so they shrink towards both ends: the curve starts where it starts. */
  private static double[] smoothed(double[] values) {
    double[] out = new double[values.length];
    int widest = Math.max(1, values.length / SMOOTHING);
    for (int i = 0; i < values.length; i++) {
      int radius = Math.min(widest, Math.min(i, values.length - 1 - i));
      double sum = 0;
      int n = 0;
      for (int j = i - radius; j <= i + radius; j++) {
        if (Double.isFinite(values[j])) {
          sum += values[j];
          n++;
        }
      }
      out[i] = sum / n;
    }
    return out;
  }

  static String f(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
