package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/**
 * Bicubic resizing of real numbers as PyTorch does it ({@code F.interpolate(mode="bicubic",
 * align_corners=False)}), with and without {@code antialias}. The two differ in more than the
 * antialiasing. Without it, Keys' cubic has a = −0.75, and positions beyond a border have the
 * border's value. With it, a = −0.5, and the weights of the positions inside are normalised to a
 * sum of one.
 *
 * <p>Nothing is rounded or clipped: results may leave the range of the input. Sums are in double
 * precision. Source: PyTorch {@code aten/src/ATen/native/UpSample.h} and {@code
 * cpu/UpSampleKernel.cpp}.
 *
 * @param in length of the axis
 * @param out length it gets
 * @param scale input steps per output step: {@code in/out}, or, if PyTorch's caller gives a scale
 *     factor, its inverse
 * @param antialias whether shrinking averages over the area that an output covers
 */
public record TorchBicubic(int in, int out, double scale, boolean antialias) {
  private static final double PLAIN = -0.75;
  private static final double ANTIALIASED = -0.5;
  private static final int REACH = 2; // of the cubic to either side

  /**
   * Checks the lengths.
   *
   * @throws EqvaeException.Argument if one is not positive
   */
  public TorchBicubic {
    if (in < 1 || out < 1 || !(scale > 0)) {
      throw new EqvaeException.Argument(
          "bicubic resizing from %d to %d by %s: all must be positive".formatted(in, out, scale));
    }
  }

  /**
   * Resizing to a length.
   *
   * @param in length of the axis
   * @param out length it gets
   * @param antialias whether shrinking averages over all that an output covers
   * @return the resizing
   */
  public static TorchBicubic to(int in, int out, boolean antialias) {
    return new TorchBicubic(in, out, in / (double) out, antialias);
  }

  /**
   * An output is a weighted sum of inputs from {@code first} on; indices beyond a border are
   * clamped.
   */
  private record Taps(int first, double[] weights) {}

  private Taps[] taps() {
    Taps[] taps = new Taps[out];
    for (int i = 0; i < out; i++) {
      taps[i] = antialias ? averaging(i) : interpolating(i);
    }
    return taps;
  }

  private Taps interpolating(int i) {
    double at = scale * (i + 0.5) - 0.5;
    int floor = (int) Math.floor(at);
    double[] weights = new double[2 * REACH];
    for (int k = 0; k < weights.length; k++) {
      weights[k] = cubic(floor - 1 + k - at, PLAIN);
    }
    return new Taps(floor - 1, weights);
  }

  private Taps averaging(int i) {
    double stretch = Math.max(scale, 1);
    double center = scale * (i + 0.5);
    int first = Math.max((int) (center - REACH * stretch + 0.5), 0);
    int end = Math.min((int) (center + REACH * stretch + 0.5), in);
    double[] weights = new double[end - first];
    double sum = 0;
    for (int k = 0; k < weights.length; k++) {
      weights[k] = cubic((first + k - center + 0.5) / stretch, ANTIALIASED);
      sum += weights[k];
    }
    for (int k = 0; k < weights.length; k++) {
      weights[k] /= sum;
    }
    return new Taps(first, weights);
  }

  /** Keys' cubic convolution (1981). */
  private static double cubic(double x, double a) {
    double d = Math.abs(x);
    if (d <= 1) {
      return ((a + 2) * d - (a + 3)) * d * d + 1;
    }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  }

  /**
   * Resizes an array of rows and columns.
   *
   * @param values {@code [rows, columns, channels]}
   * @param rows how rows are resized
   * @param columns how columns are resized
   * @param channels values at each position
   * @return {@code [rows.out, columns.out, channels]}
   * @throws EqvaeException.Argument if there are not that many values
   */
  public static float[] resize(
      float[] values, TorchBicubic rows, TorchBicubic columns, int channels) {
    if (values.length != (long) rows.in * columns.in * channels) {
      throw new EqvaeException.Argument(
          "bicubic resizing: %d values are not %d×%d×%d"
              .formatted(values.length, rows.in, columns.in, channels));
    }
    double[] wide = new double[rows.in * columns.out * channels];
    Taps[] across = columns.taps();
    for (int y = 0; y < rows.in; y++) {
      for (int x = 0; x < columns.out; x++) {
        Taps taps = across[x];
        int to = (y * columns.out + x) * channels;
        for (int k = 0; k < taps.weights.length; k++) {
          int from = (y * columns.in + clamp(taps.first + k, columns.in)) * channels;
          for (int c = 0; c < channels; c++) {
            wide[to + c] += taps.weights[k] * values[from + c];
          }
        }
      }
    }
    int width = columns.out * channels;
    float[] out = new float[rows.out * width];
    double[] row = new double[width];
    Taps[] down = rows.taps();
    for (int y = 0; y < rows.out; y++) {
      java.util.Arrays.fill(row, 0);
      Taps taps = down[y];
      for (int k = 0; k < taps.weights.length; k++) {
        int from = clamp(taps.first + k, rows.in) * width;
        for (int x = 0; x < width; x++) {
          row[x] += taps.weights[k] * wide[from + x];
        }
      }
      for (int x = 0; x < width; x++) {
        out[y * width + x] = (float) row[x];
      }
    }
    return out;
  }

  private static int clamp(int index, int length) {
    return Math.clamp(index, 0, length - 1);
  }
}
