package io.github.eqvae.io.webp;

import java.util.Arrays;

/**
 * Luma or chroma of whole macroblocks, with the border that predictions read: a row of 127 above
 * and a column of 129 to the left (the corner is 127).
 */
final class Plane {
  private static final int ABOVE = 127;
  private static final int LEFT = (byte) 129;

  final byte[] data;
  final int stride;

  /** Side of a macroblock in it: 16 or 8. */
  final int side;

  Plane(int columns, int rows, int side) {
    this.side = side;
    stride = columns * side + 1;
    data = new byte[stride * (rows * side + 1)];
    Arrays.fill(data, 0, stride, (byte) ABOVE);
    for (int y = 1; y <= rows * side; y++) {
      data[y * stride] = (byte) LEFT;
    }
  }

  /** Index of a pixel. */
  int at(int x, int y) {
    return (y + 1) * stride + x + 1;
  }

  int pixel(int at) {
    return data[at] & 0xff;
  }
}
