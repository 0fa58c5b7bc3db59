package io.github.eqvae.io;

/**
 * OpenCV's INTER_AREA when a side is enlarged: linear interpolation between two source pixels. The
 * weight of the second one is the share of the result pixel that lies in it, in fixed point with 11
 * fractional bits. Results have the same bits as OpenCV's. Source: opencv/opencv {@code
 * modules/imgproc/src/resize.cpp}.
 */
final class AreaEnlarge {
  private static final int ONE = 1 << 11;

  private AreaEnlarge() {}

  static Image resize(PixelRows image, int width, int height) {
    Axis across = Axis.of(image.width(), width);
    Axis down = Axis.of(image.height(), height);
    int channels = image.channels();
    int row = width * channels;
    byte[] out = new byte[Math.multiplyExact(row, height)];
    byte[] samples = new byte[image.width() * channels];
    // The two source rows that are interpolated. Source rows are read in order.
    int[][] rows = new int[2][row];
    int[] held = {-1, -1};
    for (int y = 0; y < height; y++) {
      int first = down.first[y];
      int second = Math.min(first + 1, image.height() - 1);
      for (int source = first; source <= second; source++) {
        if (held[source & 1] != source) {
          image.row(source, samples, 0);
          horizontal(samples, channels, across, rows[source & 1]);
          held[source & 1] = source;
        }
      }
      int[] a = rows[first & 1];
      int[] b = rows[second & 1];
      int weight = down.second[y];
      int other = down.rest[y];
      for (int i = 0; i < row; i++) {
        int sum = ((a[i] >> 4) * other >> 16) + ((b[i] >> 4) * weight >> 16);
        out[y * row + i] = (byte) (sum + 2 >> 2);
      }
    }
    return new Image(width, height, channels, out);
  }

  private static void horizontal(byte[] data, int channels, Axis across, int[] into) {
    int last = data.length - channels;
    for (int x = 0; x < across.first.length; x++) {
      int a = across.first[x] * channels;
      int b = a < last ? a + channels : a;
      for (int c = 0; c < channels; c++) {
        into[x * channels + c] =
            (data[a + c] & 0xff) * across.rest[x] + (data[b + c] & 0xff) * across.second[x];
      }
    }
  }

  /**
   * The first of the two source positions of each result position, and the weights of both in
   * 1/2048.
   */
  private record Axis(int[] first, int[] rest, int[] second) {
    static Axis of(int from, int to) {
      double inverse = (double) to / from;
      double scale = 1 / inverse;
      Axis axis = new Axis(new int[to], new int[to], new int[to]);
      for (int i = 0; i < to; i++) {
        int source = (int) (i * scale);
        float fraction = (float) (i + 1 - (source + 1) * inverse);
        fraction = fraction <= 0 ? 0 : fraction - (float) Math.floor(fraction);
        if (source >= from - 1) {
          source = from - 1;
          fraction = 0;
        }
        axis.first[i] = source;
        axis.rest[i] = (int) Math.rint((1 - fraction) * ONE);
        axis.second[i] = (int) Math.rint(fraction * ONE);
      }
      return axis;
    }
  }
}
