package io.github.eqvae.io.webp;

/**
 * A decoded frame.
 *
 * @param width pixels in a row
 * @param height rows
 * @param planes Y of whole macroblocks, U and V of half their size
 */
public record Vp8Picture(int width, int height, Plane[] planes) {
  /**
   * The picture in RGB. Chroma between its samples is interpolated from the four around, with 9, 3,
   * 3 and 1 sixteenths, as libwebp does ({@code src/dsp/upsampling.c}).
   *
   * @return {@code [height][width][3]}
   */
  public byte[] rgb() {
    byte[] out = new byte[Math.multiplyExact(Math.multiplyExact(width, height), 3)];
    int half = (width + 1) / 2;
    int[] u = new int[2 * half];
    int[] v = new int[2 * half];
    for (int y = 0; y < height; y++) {
      chroma(planes[1], y, u);
      chroma(planes[2], y, v);
      int luma = planes[0].at(0, y);
      for (int x = 0; x < width; x++) {
        int scaled = planes[0].pixel(luma + x) * 19077 >> 8;
        int at = 3 * (y * width + x);
        int red = scaled + (v[x] * 26149 >> 8) - 14234;
        int green = scaled - (u[x] * 6419 >> 8) - (v[x] * 13320 >> 8) + 8708;
        int blue = scaled + (u[x] * 33050 >> 8) - 17685;
        out[at] = sample(red);
        out[at + 1] = sample(green);
        out[at + 2] = sample(blue);
      }
    }
    return out;
  }

  /** Fixed point with six fractional bits ({@code src/dsp/yuv.h}). */
  private static byte sample(int value) {
    return (byte) Math.clamp(value >> 6, 0, 255);
  }

  /** A row of chroma at luma's resolution. */
  private void chroma(Plane plane, int y, int[] out) {
    int last = (width + 1) / 2 - 1;
    int lastRow = (height + 1) / 2 - 1;
    int near = y / 2;
    int far = Math.clamp(y % 2 == 0 ? near - 1 : near + 1, 0, lastRow);
    int n = plane.at(0, near);
    int f = plane.at(0, far);
    out[0] = 3 * plane.pixel(n) + plane.pixel(f) + 2 >> 2;
    for (int x = 1; x <= last; x++) {
      int a = plane.pixel(n + x - 1);
      int b = plane.pixel(n + x);
      int c = plane.pixel(f + x - 1);
      int d = plane.pixel(f + x);
      int sum = a + b + c + d + 8;
      out[2 * x - 1] = (sum + 2 * (b + c) >> 3) + a >> 1;
      out[2 * x] = (sum + 2 * (a + d) >> 3) + b >> 1;
    }
    out[2 * last + 1] = 3 * plane.pixel(n + last) + plane.pixel(f + last) + 2 >> 2;
  }
}
