package io.github.eqvae.io;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/**
 * Resizing with the same bits as Pillow's {@code Image.resize} for 8-bit images: filters are
 * widened when shrinking, coefficients are in fixed point, and the horizontal pass is rounded to 8
 * bits before the vertical one. Besides the result, only the rows that one result row needs are in
 * memory. Source: python-pillow/Pillow {@code src/libImaging/Resample.c}.
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

  /** Fractional bits of a coefficient. */
  private static final int PRECISION = 32 - 8 - 2;

  private PillowResize() {}

  /**
   * Resizes.
   *
   * @param image the source
   * @param width width of the result, at least 1
   * @param height height of the result, at least 1
   * @param filter how pixels are combined
   * @return the source itself if it is an image of that size
   */
  public static Image resize(PixelRows image, int width, int height, Filter filter) {
    return rows(image, width, height, filter).whole();
  }

  /**
   * Resizes lazily, when rows of the result are needed.
   *
   * @param image the source
   * @param width width of the result, at least 1
   * @param height height of the result, at least 1
   * @param filter how pixels are combined
   * @return the source itself if it already has that size
   */
  public static PixelRows rows(PixelRows image, int width, int height, Filter filter) {
    PixelRows wide =
        width == image.width()
            ? image
            : new Across(image, Coefficients.of(image.width(), width, filter));
    return height == wide.height()
        ? wide
        : new Down(wide, Coefficients.of(wide.height(), height, filter));
  }

  /** The first pass: each row at the width of the result. */
  private static final class Across implements PixelRows {
    private final PixelRows image;
    private final Coefficients k;
    private final byte[] in;

    Across(PixelRows image, Coefficients k) {
      this.image = image;
      this.k = k;
      in = new byte[image.width() * image.channels()];
    }

    @Override
    public int width() {
      return k.first.length;
    }

    @Override
    public int height() {
      return image.height();
    }

    @Override
    public int channels() {
      return image.channels();
    }

    @Override
    public void row(int y, byte[] to, int at) {
      image.row(y, in, 0);
      int c = channels();
      for (int x = 0; x < k.first.length; x++) {
        for (int ch = 0; ch < c; ch++) {
          int sum = 1 << (PRECISION - 1);
          for (int i = 0; i < k.length[x]; i++) {
            sum += (in[(k.first[x] + i) * c + ch] & 0xff) * k.weight[x * k.size + i];
          }
          to[at + x * c + ch] = clip(sum);
        }
      }
    }
  }

  /** The second pass. It keeps only those rows of the first pass that one result row needs. */
  private static final class Down implements PixelRows {
    private final PixelRows image;
    private final Coefficients k;
    private final byte[][] kept;
    private final int[] held;
    private final int[] sums;

    Down(PixelRows image, Coefficients k) {
      this.image = image;
      this.k = k;
      kept = new byte[k.size][image.width() * image.channels()];
      held = new int[k.size];
      Arrays.fill(held, -1);
      sums = new int[image.width() * image.channels()];
    }

    @Override
    public int width() {
      return image.width();
    }

    @Override
    public int height() {
      return k.first.length;
    }

    @Override
    public int channels() {
      return image.channels();
    }

    @Override
    public void row(int y, byte[] to, int at) {
      Arrays.fill(sums, 1 << (PRECISION - 1));
      for (int i = 0; i < k.length[y]; i++) {
        int source = k.first[y] + i;
        int slot = source % k.size;
        if (held[slot] != source) {
          image.row(source, kept[slot], 0);
          held[slot] = source;
        }
        int weight = k.weight[y * k.size + i];
        for (int x = 0; x < sums.length; x++) {
          sums[x] += (kept[slot][x] & 0xff) * weight;
        }
      }
      for (int x = 0; x < sums.length; x++) {
        to[at + x] = clip(sums[x]);
      }
    }
  }

  private static byte clip(int sum) {
    return (byte) Math.clamp(sum >> PRECISION, 0, 255);
  }

  /**
   * For each position of the result: its first source position, their number, and their weights.
   */
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
