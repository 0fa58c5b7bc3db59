package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Changes an image's size. Each axis that shrinks is averaged over the exact area of source pixels
 * that a result pixel covers (OpenCV's INTER_AREA, what the released training code uses); each axis
 * that grows is interpolated linearly with half-pixel centres. Sums are in float, rows first; a
 * result differs from OpenCV's by at most one level, where its sum rounds the other way.
 */
public final class Resize {
  private Resize() {}

  /**
   * Resizes.
   *
   * @param image the source
   * @param width width of the result, at least 1
   * @param height height of the result, at least 1
   * @return the source itself if the size is its own
   * @throws EqvaeException.Argument if a size is below 1
   */
  public static Image resize(Image image, int width, int height) {
    if (width < 1 || height < 1) {
      throw new EqvaeException.Argument(
          "resizing to " + width + "x" + height + ": expected at least 1x1");
    }
    if (width == image.width() && height == image.height()) {
      return image;
    }
    Weights across = Weights.of(image.width(), width);
    Weights down = Weights.of(image.height(), height);
    int channels = image.channels();
    int row = width * channels;
    byte[] result = new byte[Math.multiplyExact(row, height)];
    float[] sum = new float[row];
    // Rows of the source come in order, each at most twice (where two result rows share it); keep
    // the last two.
    float[][] rows = new float[2][row];
    int[] held = {-1, -1};
    for (int y = 0; y < height; y++) {
      Arrays.fill(sum, 0);
      for (int k = down.first[y]; k < down.first[y + 1]; k++) {
        int source = down.source[k];
        int slot = source & 1;
        if (held[slot] != source) {
          horizontal(image, source, across, rows[slot]);
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

  private static void horizontal(Image image, int y, Weights across, float[] into) {
    byte[] data = image.data();
    int channels = image.channels();
    int base = y * image.width() * channels;
    int width = across.first.length - 1;
    for (int x = 0; x < width; x++) {
      float a = 0;
      float b = 0;
      float c = 0;
      for (int k = across.first[x]; k < across.first[x + 1]; k++) {
        float weight = across.weight[k];
        int at = base + across.source[k] * channels;
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
   * Which source positions make a result position: those at first[i] until first[i + 1]. They rise
   * by one within a result position, and their weights add up to 1.
   */
  private record Weights(int[] first, int[] source, float[] weight) {
    static Weights of(int from, int to) {
      return from > to ? area(from, to) : linear(from, to);
    }

    private static Weights area(int from, int to) {
      double scale = (double) from / to;
      int[] first = new int[to + 1];
      int[] source = new int[from + 2 * to];
      float[] weight = new float[from + 2 * to];
      int count = 0;
      for (int i = 0; i < to; i++) {
        double begin = i * scale;
        double end = Math.min((i + 1) * scale, from);
        first[i] = count;
        for (int s = (int) begin; s < from && s < end; s++) {
          double covered = Math.min(s + 1, end) - Math.max(s, begin);
          // An overlap this thin is rounding of the division, not coverage.
          if (covered > 1e-6) {
            source[count] = s;
            weight[count++] = (float) (covered / (end - begin));
          }
        }
      }
      first[to] = count;
      return new Weights(first, source, weight);
    }

    private static Weights linear(int from, int to) {
      double scale = (double) from / to;
      int[] first = new int[to + 1];
      int[] source = new int[2 * to];
      float[] weight = new float[2 * to];
      int count = 0;
      for (int i = 0; i < to; i++) {
        double position = Math.clamp((i + 0.5) * scale - 0.5, 0, from - 1);
        int left = (int) position;
        float fraction = (float) (position - left);
        first[i] = count;
        source[count] = left;
        weight[count++] = 1 - fraction;
        if (fraction > 0) {
          source[count] = left + 1;
          weight[count++] = fraction;
        }
      }
      first[to] = count;
      return new Weights(first, source, weight);
    }
  }
}
