package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.List;

/** Pictures side by side in one: what training writes as samples. */
public final class ImageGrid {
  private ImageGrid() {}

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
