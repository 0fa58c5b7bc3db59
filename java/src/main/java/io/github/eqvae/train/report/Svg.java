package io.github.eqvae.train.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Charts as inline SVG: colours come from the page's style sheet, so they follow its light and dark
 * mode.
 */
final class Svg {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 300;
  private static final int LEFT = 56;
  private static final int RIGHT = 12;
  private static final int TOP = 12;
  private static final int BOTTOM = 36;
  private static final int MAX_POINTS = 600;
  private static final int SMOOTHING = 25;

  private Svg() {}

  /** Raw curves faintly, smoothed ones above. */
  static String lines(
      List<ReportData.Series> series, String xTitle, boolean logarithmic, boolean smooth) {
    double xMax = 1;
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (ReportData.Series s : series) {
      for (int i = 0; i < s.x().length; i++) {
        if (usable(s.y()[i], logarithmic)) {
          xMax = Math.max(xMax, s.x()[i]);
          low = Math.min(low, s.y()[i]);
          high = Math.max(high, s.y()[i]);
        }
      }
    }
    if (!(low < high)) {
      low = logarithmic ? 0.1 : 0;
      high = Math.max(1, high);
    }
    Scale y = new Scale(logarithmic, logarithmic ? low : Math.min(0, low), high);
    StringBuilder out = open("A chart over " + xTitle);
    axes(out, y, xMax, xTitle);
    for (int k = 0; k < series.size(); k++) {
      ReportData.Series s = series.get(k);
      if (smooth) {
        out.append(path(s.x(), s.y(), xMax, y, "raw c" + k));
        out.append(path(s.x(), smoothed(s.y()), xMax, y, "line c" + k));
      } else {
        out.append(path(s.x(), s.y(), xMax, y, "line c" + k));
      }
    }
    return out.append("</svg>").toString();
  }

  /** Bars side by side, values above them. */
  static String bars(ReportData.Bars bars) {
    double high = 0;
    for (ReportData.Values v : bars.series()) {
      for (double d : v.values()) {
        high = Math.max(high, Double.isFinite(d) ? d : 0);
      }
    }
    Scale y = new Scale(false, 0, high > 0 ? high * 1.12 : 1);
    StringBuilder out = open(bars.title());
    for (double tick : y.ticks()) {
      grid(out, y, tick);
    }
    double slot = (WIDTH - LEFT - RIGHT) / (double) bars.categories().size();
    double width = Math.min(56, slot * 0.8 / bars.series().size());
    for (int c = 0; c < bars.categories().size(); c++) {
      double centre = LEFT + slot * (c + 0.5);
      for (int k = 0; k < bars.series().size(); k++) {
        double value = bars.series().get(k).values().get(c);
        double x = centre + (k - bars.series().size() / 2.0) * width;
        double top = y.at(Double.isFinite(value) ? value : 0);
        out.append(
            f(
                "<rect class='bar c%d' x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='3'>"
                    + "<title>%s, %s: %.4f</title></rect>",
                k,
                x + 2,
                top,
                width - 4,
                HEIGHT - BOTTOM - top,
                Html.escape(bars.series().get(k).name()),
                Html.escape(bars.categories().get(c)),
                value));
        out.append(
            f("<text class='value' x='%.1f' y='%.1f'>%.3f</text>", x + width / 2, top - 5, value));
      }
      out.append(
          f(
              "<text class='tick' text-anchor='middle' x='%.1f' y='%d'>%s</text>",
              centre, HEIGHT - BOTTOM + 18, Html.escape(bars.categories().get(c))));
    }
    return out.append("</svg>").toString();
  }

  /** A vertical axis. */
  private record Scale(boolean logarithmic, double low, double high) {
    double at(double value) {
      double t =
          logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      return HEIGHT - BOTTOM - t * (HEIGHT - TOP - BOTTOM);
    }

    List<Double> ticks() {
      List<Double> out = new ArrayList<>();
      if (logarithmic) {
        boolean many = high / low > 50;
        for (double p = Math.pow(10, Math.floor(Math.log10(low))); p <= high; p *= 10) {
          for (double m : many ? new double[] {1} : new double[] {1, 2, 5}) {
            if (p * m >= low && p * m <= high) {
              out.add(p * m);
            }
          }
        }
        return out;
      }
      double raw = (high - low) / 5;
      double power = Math.pow(10, Math.floor(Math.log10(raw)));
      double step =
          power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
      for (double t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) {
        out.add(t);
      }
      return out;
    }
  }

  private static StringBuilder open(String label) {
    return new StringBuilder(
        f(
            "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>",
            WIDTH, HEIGHT, Html.escape(label)));
  }

  private static void grid(StringBuilder out, Scale y, double tick) {
    out.append(
        f(
            "<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>",
            LEFT, WIDTH - RIGHT, y.at(tick), y.at(tick)));
    out.append(
        f(
            "<text class='tick' text-anchor='end' x='%d' y='%.1f'>%s</text>",
            LEFT - 8, y.at(tick) + 4, number(tick)));
  }

  private static void axes(StringBuilder out, Scale y, double xMax, String title) {
    for (double tick : y.ticks()) {
      grid(out, y, tick);
    }
    for (double tick : new Scale(false, 0, xMax).ticks()) {
      out.append(
          f(
              "<text class='tick' text-anchor='%s' x='%.1f' y='%d'>%s</text>",
              tick > 0.97 * xMax ? "end" : "middle", // not over the edge of the picture
              x(tick, xMax),
              HEIGHT - BOTTOM + 16,
              number(tick)));
    }
    out.append(
        f(
            "<text class='tick' text-anchor='end' x='%d' y='%d'>%s</text>",
            WIDTH - RIGHT, HEIGHT - 4, Html.escape(title)));
  }

  private static double x(double value, double max) {
    return LEFT + value / max * (WIDTH - LEFT - RIGHT);
  }

  private static boolean usable(double value, boolean logarithmic) {
    return Double.isFinite(value) && (!logarithmic || value > 0);
  }

  private static String path(double[] xs, double[] ys, double xMax, Scale y, String style) {
    StringBuilder d = new StringBuilder();
    int step = Math.max(1, xs.length / MAX_POINTS);
    for (int i = 0; i < xs.length; i += step) {
      if (usable(ys[i], y.logarithmic())) {
        d.append(f("%s%.1f %.1f", d.isEmpty() ? "M" : "L", x(xs[i], xMax), y.at(ys[i])));
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
      for (int j = Math.max(0, i - radius); j <= Math.min(values.length - 1, i + radius); j++) {
        if (Double.isFinite(values[j])) {
          sum += values[j];
          n++;
        }
      }
      out[i] = sum / n;
    }
    return out;
  }

  private static String number(double v) {
    if (v == 0) {
      return "0";
    }
    double a = Math.abs(v);
    if (a >= 10000) {
      return f("%.0fk", v / 1000);
    }
    return a >= 10
        ? f("%.0f", v)
        : a >= 1
            ? f("%.1f", v)
            : a >= 0.01 ? f("%.2f", v) : a >= 0.001 ? f("%.3f", v) : f("%.0e", v);
  }

  private static String f(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
