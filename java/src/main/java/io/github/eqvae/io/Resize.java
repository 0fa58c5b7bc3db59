package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Resizes an image with the same bits as OpenCV's {@code INTER_AREA}, which the released training
 * code uses. If no side grows, a result pixel is the mean of the exact area of source pixels that
 * it covers. Otherwise both sides are interpolated by {@link AreaEnlarge}.
 */
public final class Resize {
  /** Thinner parts of a pixel are ignored, as in OpenCV. */
  private static final double THIN = 1e-3;

  private Resize() {}

  /**
   * Resizes an image.
   *
   * @param image the source
   * @param width width of the result, at least 1
   * @param height height of the result, at least 1
   * @return the source itself if it is an image of that size
   * @throws EqvaeException.Argument if a size is below 1
   */
  public static Image resize(PixelRows image, int width, int height) {
    if (width < 1 || height < 1) {
      throw new EqvaeException.Argument(
          "resizing to " + width + "x" + height + ": expected at least 1x1");
    }
    if (width == image.width() && height == image.height()) {
      return image.whole();
    }
    if (width > image.width() || height > image.height()) {
      return AreaEnlarge.resize(image, width, height);
    }
    if (image.width() % width == 0 && image.height() % height == 0) {
      return whole(image, width, height);
    }
    Weights across = Weights.of(image.width(), width);
    Weights down = Weights.of(image.height(), height);
    int channels = image.channels();
    int row = width * channels;
    byte[] result = new byte[Math.multiplyExact(row, height)];
    float[] sum = new float[row];
    byte[] samples = new byte[image.width() * channels];
    // Source rows are needed in order, each at most twice (when two result rows share it), so the
    // last two are kept.
    float[][] rows = new float[2][row];
    int[] held = {-1, -1};
    for (int y = 0; y < height; y++) {
      Arrays.fill(sum, 0);
      for (int k = down.first[y]; k < down.first[y + 1]; k++) {
        int source = down.source[k];
        int slot = source & 1;
        if (held[slot] != source) {
          image.row(source, samples, 0);
          horizontal(samples, channels, across, rows[slot]);
          held[slot] = source;
        }
        float weight = down.weight[k];
        float[] values = rows[slot];
        for (int i = 0; i < row; i++) {
          sum[i] += weight * values[i];
        }
      }
      for (int i = 0; i < row; i++) {
        result[y * row + i] = (byte) Math.clamp((int) Math.rint(sum[i]), 0, 255);
      }
    }
    return new Image(width, height, channels, result);
  }

  /** Reduces by integer factors: sums are integers. */
  private static Image whole(PixelRows image, int width, int height) {
    int timesX = image.width() / width;
    int timesY = image.height() / height;
    int channels = image.channels();
    byte[] result = new byte[width * height * channels];
    byte[] samples = new byte[image.width() * channels];
    int[] sums = new int[width * channels];
    float share = 1f / (timesX * timesY);
    // Halves of quarters are rounded up, all others to even.
    boolean isQuarter = timesX == 2 && timesY == 2;
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, 0);
      for (int k = 0; k < timesY; k++) {
        image.row(y * timesY + k, samples, 0);
        for (int x = 0, at = 0; x < width; x++) {
          for (int i = 0; i < timesX * channels; i++, at++) {
            sums[x * channels + i % channels] += samples[at] & 0xff;
          }
        }
      }
      for (int i = 0; i < sums.length; i++) {
        int sum = sums[i];
        result[y * sums.length + i] =
            (byte) (isQuarter ? sum + 2 >> 2 : (int) Math.rint(sum * share));
      }
    }
    return new Image(width, height, channels, result);
  }

  private static void horizontal(byte[] data, int channels, Weights across, float[] into) {
    int width = across.first.length - 1;
    for (int x = 0; x < width; x++) {
      float a = 0;
      float b = 0;
      float c = 0;
      for (int k = across.first[x]; k < across.first[x + 1]; k++) {
        float weight = across.weight[k];
        int at = across.source[k] * channels;
        a += weight * (data[at] & 0xff);
        if (channels == 3) {
          b += weight * (data[at + 1] & 0xff);
          c += weight * (data[at + 2] & 0xff);
        }
      }
      into[x * channels] = a;
      if (channels == 3) {
        into[x * channels + 1] = b;
        into[x * channels + 2] = c;
      }
    }
  }

  /**
   * The source positions of each result position: the entries from first[i] to before first[i + 1].
   * They are consecutive, and their weights add up to 1.
   */
  private record Weights(int[] first, int[] source, float[] weight) {
    static Weights of(int from, int to) {
      double scale = 1 / ((double) to / from);
      int[] first = new int[to + 1];
      int[] source = new int[from + 2 * to];
      float[] weight = new float[from + 2 * to];
      int count = 0;
      for (int i = 0; i < to; i++) {
        double begin = i * scale;
        double end = begin + scale;
        double cell = Math.min(scale, from - begin);
        int last = Math.min((int) end, from - 1);
        int whole = Math.min((int) Math.ceil(begin), last);
        first[i] = count;
        if (whole - begin > THIN) {
          source[count] = whole - 1;
          weight[count++] = (float) ((whole - begin) / cell);
        }
        for (int s = whole; s < last; s++) {
          source[count] = s;
          weight[count++] = (float) (1 / cell);
        }
        if (end - last > THIN) {
          source[count] = last;
          weight[count++] = (float) (Math.min(Math.min(end - last, 1), cell) / cell);
        }
      }
      first[to] = count;
      return new Weights(first, source, weight);
    }
  }
}
