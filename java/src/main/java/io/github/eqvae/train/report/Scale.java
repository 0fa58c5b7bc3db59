package io.github.eqvae.train.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * An axis from {@code low} to {@code high}.
 *
 * @param logarithmic whether equal factors are equal lengths; both ends are positive then
 * @param low value at its start
 * @param high value at its end, above {@code low}
 */
record Scale(boolean logarithmic, double low, double high) {
  private static final int TICKS = 5;
  private static final int DECADES = 6;

  /** An axis that holds all values of a range, which may be empty. */
  static Scale of(boolean logarithmic, double low, double high) {
    if (low < high) {
      return new Scale(logarithmic, low, high);
    }
    double room = low == 0 ? 1 : Math.abs(low) / 10;
    return new Scale(logarithmic, low - room, low + room);
  }

  /** Where a value lies, 0 at the start and 1 at the end. */
  double share(double value) {
    return logarithmic
        ? Math.log(value / low) / Math.log(high / low)
        : (value - low) / (high - low);
  }

  boolean takes(double value) {
    return Double.isFinite(value) && (!logarithmic || value > 0);
  }

  /** Round numbers along the axis, about five. */
  List<Double> ticks() {
    List<Double> decades = logarithmic ? decades() : List.of();
    return decades.size() > 1 ? decades : steps();
  }

  private List<Double> decades() {
    List<Double> out = new ArrayList<>();
    double count = Math.log10(high / low);
    double[] each = count > 2.3 ? new double[] {1} : new double[] {1, 2, 5};
    double factor = Math.pow(10, Math.max(1, Math.ceil(count / DECADES)));
    for (double p = Math.pow(10, Math.floor(Math.log10(low))); p <= high; p *= factor) {
      for (double m : each) {
        if (p * m >= low && p * m <= high) {
          out.add(p * m);
        }
      }
    }
    return out;
  }

  private List<Double> steps() {
    double step = step();
    List<Double> out = new ArrayList<>();
    long first = (long) Math.ceil(low / step - 1e-9);
    for (long i = first; i * step <= high + step * 1e-9; i++) {
      out.add(i * step);
    }
    return out;
  }

  private double step() {
    double raw = (high - low) / TICKS;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double in = raw / power;
    return power * (in < 1.5 ? 1 : in < 3.5 ? 2 : in < 7.5 ? 5 : 10);
  }

  /** The text of a tick, with just enough digits to differ from the next one. */
  String label(double tick) {
    if (tick == 0) {
      return "0";
    }
    double unit = logarithmic && decades().size() > 1 ? Math.abs(tick) : step();
    double size = Math.max(Math.abs(low), Math.abs(high));
    if (Math.abs(tick) < 1e-4 || size >= 1e7) {
      return String.format(Locale.ROOT, "%.0e", tick).replace("e+0", "e").replace("e-0", "e-");
    }
    if (size >= 10_000) {
      return decimals(tick / 1000, unit / 1000) + "k";
    }
    return decimals(tick, unit);
  }

  private static String decimals(double value, double unit) {
    int digits = (int) Math.max(0, Math.ceil(-Math.log10(unit) - 1e-9));
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
