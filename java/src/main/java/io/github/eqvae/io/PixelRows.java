package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/**
 * A picture as its rows, taken from the top down: what crops and resizes need of it. An {@link
 * Image} has them all in memory; a picture that does not fit there is decoded in bands.
 */
public interface PixelRows {
  /**
   * Pixels in a row.
   *
   * @return at least 1
   */
  int width();

  /**
   * How many rows there are.
   *
   * @return at least 1
   */
  int height();

  /**
   * Samples of a pixel.
   *
   * @return 1 or 3
   */
  int channels();

  /**
   * Copies a row. A row before the one taken last may have to be decoded again.
   *
   * @param y its number, from 0
   * @param to receives {@code [width][channels]} samples
   * @param at where they begin in it
   */
  void row(int y, byte[] to, int at);

  /**
   * The picture with all its rows in memory.
   *
   * @return a copy, or this if it is an {@link Image}
   */
  default Image whole() {
    int row = width() * channels();
    byte[] bytes = new byte[Math.multiplyExact(row, height())];
    for (int y = 0; y < height(); y++) {
      row(y, bytes, y * row);
    }
    return new Image(width(), height(), channels(), bytes);
  }

  /**
   * A rectangle of the picture, which copies nothing.
   *
   * @param x its left column
   * @param y its upper row
   * @param partWidth its width
   * @param partHeight its height
   * @return a view
   * @throws EqvaeException.Argument if the rectangle is empty or reaches outside
   */
  default PixelRows part(int x, int y, int partWidth, int partHeight) {
    return new PartOfRows(this, x, y, partWidth, partHeight);
  }
}
