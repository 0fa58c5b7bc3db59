package io.github.eqvae.io;

import java.util.function.DoubleUnaryOperator;

/**
 * Resizing as Pillow's {@code Image.resize} does it on 8-bit images, to the bit: filters widened
 * when shrinking, coefficients in fixed point, the horizontal pass rounded to 8 bits before the
 * vertical one. Source: python-pillow/Pillow {@code src/libImaging/Resample.c}.
 */
public final class PillowResize {
  /** Pillow's filters. */
  public enum Filter {
    /** {@code Image.BOX}: the mean of the area. */
    BOX(0.5, x -> x > -0.5 && x <= 0.5 ? 1 : 0),
    /** {@code Image.BILINEAR}: a triangle. */
    BILINEAR(1, x -> Math.max(0, 1 - Math.abs(x))),
    /** {@code Image.BICUBIC}, a = −0.5. */
    BICUBIC(2, Filter::bicubic);

    private final double support;
    private final DoubleUnaryOperator value;

    Filter(double support, DoubleUnaryOperator value) {
      this.support = support;
      this.value = value;
    }

    private static double bicubic(double at) {
      double a = -0.5;
      double x = Math.abs(at);
      if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
  }

  /** Bits behind the point of a coefficient. */
  private static final int PRECISION = 32 - 8 - 2;

  private PillowResize() {}

  /**
   * Resizes.
   *
   * @param image the source
   * @param width width of the result, at least 1
   * @param height height of the result, at least 1
   * @param filter how pixels are combined
   * @return the source itself if the size is its own
   */
  public static Image resize(Image image, int width, int height, Filter filter) {
    Image out = image;
    if (width != image.width()) {
      out = horizontal(out, Coefficients.of(image.width(), width, filter), width);
    }
    if (height != image.height()) {
      out = vertical(out, Coefficients.of(image.height(), height, filter), height);
    }
    return out;
  }

  private static Image horizontal(Image image, Coefficients k, int width) {
    int c = image.channels();
    byte[] in = image.data();
    byte[] out = new byte[Math.multiplyExact(width * c, image.height())];
    for (int y = 0; y < image.height(); y++) {
      int row = y * image.width() * c;
      for (int x = 0; x < width; x++) {
        for (int ch = 0; ch < c; ch++) {
          int sum = 1 << (PRECISION - 1);
          for (int i = 0; i < k.length[x]; i++) {
            sum += (in[row + (k.first[x] + i) * c + ch] & 0xff) * k.weight[x * k.size + i];
          }
          out[(y * width + x) * c + ch] = clip(sum);
        }
      }
    }
    return new Image(width, image.height(), c, out);
  }

  private static Image vertical(Image image, Coefficients k, int height) {
    int row = image.width() * image.channels();
    byte[] in = image.data();
    byte[] out = new byte[Math.multiplyExact(row, height)];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < row; x++) {
        int sum = 1 << (PRECISION - 1);
        for (int i = 0; i < k.length[y]; i++) {
          sum += (in[(k.first[y] + i) * row + x] & 0xff) * k.weight[y * k.size + i];
        }
        out[y * row + x] = clip(sum);
      }
    }
    return new Image(image.width(), height, image.channels(), out);
  }

  private static byte clip(int sum) {
    return (byte) Math.clamp(sum >> PRECISION, 0, 255);
  }

  /** For each place of the result: where its sources begin, how many, and their weights. */
  private record Coefficients(int[] first, int[] length, int[] weight, int size) {
    static Coefficients of(int from, int to, Filter filter) {
      double scale = (double) from / to;
      double stretch = Math.max(scale, 1);
      double support = filter.support * stretch;
      int size = (int) Math.ceil(support) * 2 + 1;
      int[] first = new int[to];
      int[] length = new int[to];
      int[] weight = new int[Math.multiplyExact(to, size)];
      double[] w = new double[size];
      for (int i = 0; i < to; i++) {
        double center = (i + 0.5) * scale;
        int begin = Math.max(0, (int) (center - support + 0.5));
        int end = Math.min(from, (int) (center + support + 0.5));
        double total = 0;
        for (int j = 0; j < end - begin; j++) {
          w[j] = filter.value.applyAsDouble((j + begin - center + 0.5) * (1 / stretch));
          total += w[j];
        }
        for (int j = 0; j < end - begin; j++) {
          double normal = total == 0 ? w[j] : w[j] / total;
          double fixed = normal * (1 << PRECISION);
          weight[i * size + j] = (int) (normal < 0 ? fixed - 0.5 : fixed + 0.5);
        }
        first[i] = begin;
        length[i] = end - begin;
      }
      return new Coefficients(first, length, weight, size);
    }
  }
}
