package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.List;

/** Pictures side by side in one picture: the samples that training writes. */
public final class ImageGrid {
  /** Pictures wider than this have larger captions. */
  private static final int CAPTION_WIDTH = 560;

  private ImageGrid() {}

  /**
   * A picture with a line of text above it.
   *
   * @param picture the picture
   * @param text small letters, digits and a few signs; cut at the picture's right edge
   * @param background the value of the line's background, 0..255; the text is black
   * @return a picture of the same width and channels
   */
  public static Image caption(Image picture, String text, int background) {
    int scale = Math.max(1, Math.round(picture.width() / (float) CAPTION_WIDTH));
    Image line = PixelFont.draw(text, scale, background).withChannels(picture.channels());
    int gap = 2 * scale;
    int row = picture.width() * picture.channels();
    int above = line.height() + 2 * gap;
    byte[] bytes = new byte[Math.multiplyExact(row, above + picture.height())];
    Arrays.fill(bytes, 0, row * above, (byte) background);
    int shown = Math.min(line.width(), picture.width() - gap) * picture.channels();
    for (int y = 0; y < line.height() && shown > 0; y++) {
      System.arraycopy(
          line.data(),
          y * line.width() * picture.channels(),
          bytes,
          (y + 2 * gap) * row + gap * picture.channels(),
          shown);
    }
    System.arraycopy(picture.data(), 0, bytes, row * above, row * picture.height());
    return new Image(picture.width(), above + picture.height(), picture.channels(), bytes);
  }

  /**
   * Lays tiles out in rows.
   *
   * @param tiles the pictures, row by row, at least one; smaller ones are centred in the largest
   *     one's cell, gray ones become RGB if any is RGB
   * @param columns tiles in a row
   * @param gap pixels between and around the tiles
   * @param background the value of gaps and of empty cells, 0..255
   * @return the grid
   * @throws EqvaeException.Argument if there are no tiles, or columns or gap are out of range
   */
  public static Image of(List<Image> tiles, int columns, int gap, int background) {
    if (tiles.isEmpty() || columns < 1 || gap < 0) {
      throw new EqvaeException.Argument(
          "a grid of "
              + tiles.size()
              + " tiles in "
              + columns
              + " columns with a gap of "
              + gap
              + "; expected at least one tile, one column and no negative gap");
    }
    int cellWidth = tiles.stream().mapToInt(Image::width).max().getAsInt();
    int cellHeight = tiles.stream().mapToInt(Image::height).max().getAsInt();
    int channels = tiles.stream().mapToInt(Image::channels).max().getAsInt();
    int rows = (tiles.size() + columns - 1) / columns;
    int width = Math.addExact(gap, Math.multiplyExact(columns, Math.addExact(cellWidth, gap)));
    int height = Math.addExact(gap, Math.multiplyExact(rows, Math.addExact(cellHeight, gap)));
    byte[] bytes = new byte[Math.multiplyExact(Math.multiplyExact(width, height), channels)];
    Arrays.fill(bytes, (byte) background);
    for (int i = 0; i < tiles.size(); i++) {
      Image tile = tiles.get(i).withChannels(channels).pad(cellWidth, cellHeight, background);
      int x = gap + i % columns * (cellWidth + gap);
      int y = gap + i / columns * (cellHeight + gap);
      int row = cellWidth * channels;
      for (int line = 0; line < cellHeight; line++) {
        System.arraycopy(tile.data(), line * row, bytes, ((y + line) * width + x) * channels, row);
      }
    }
    return new Image(width, height, channels, bytes);
  }
}
