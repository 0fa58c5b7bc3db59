package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/** A rectangle of a picture. */
final class PartOfRows implements PixelRows {
  private final PixelRows whole;
  private final int left;
  private final int top;
  private final int width;
  private final int height;
  private final byte[] row;

  PartOfRows(PixelRows whole, int left, int top, int width, int height) {
    if (left < 0
        || top < 0
        || width < 1
        || height < 1
        || width > whole.width() - left
        || height > whole.height() - top) {
      throw new EqvaeException.Argument(
          "crop %dx%d at (%d, %d) of an image of %dx%d"
              .formatted(width, height, left, top, whole.width(), whole.height()));
    }
    this.whole = whole;
    this.left = left;
    this.top = top;
    this.width = width;
    this.height = height;
    row = new byte[whole.width() * whole.channels()];
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public int height() {
    return height;
  }

  @Override
  public int channels() {
    return whole.channels();
  }

  @Override
  public void row(int y, byte[] to, int at) {
    whole.row(top + y, row, 0);
    System.arraycopy(row, left * channels(), to, at, width * channels());
  }
}
