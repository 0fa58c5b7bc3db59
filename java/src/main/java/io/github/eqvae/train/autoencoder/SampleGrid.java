package io.github.eqvae.train.autoencoder;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import java.util.ArrayList;
import java.util.List;

/** The grid of samples that training writes, and its captions. */
public final class SampleGrid {
  private static final int BACKGROUND = 255;
  private static final int GAP = 2;

  /** Of each row, from the top. */
  static final List<String> CAPTIONS =
      List.of(
          "original",
          "reconstruction",
          "original, rotated 90°",
          "decoded from the latent, rotated 90°");

  /** A sentence that describes the rows. */
  public static final String LEGEND =
      "Rows from the top: " + String.join("; ", CAPTIONS) + ". The last two should be alike.";

  private SampleGrid() {}

  /**
   * The grid, a caption above each row.
   *
   * @param tiles rows of pictures of one size, one row per caption
   * @param columns pictures in a row
   */
  static Image of(List<Image> tiles, int columns) {
    List<Image> rows = new ArrayList<>();
    for (int r = 0; r < CAPTIONS.size(); r++) {
      List<Image> row = tiles.subList(r * columns, (r + 1) * columns);
      Image picture = ImageGrid.of(row, columns, GAP, BACKGROUND);
      rows.add(ImageGrid.caption(picture, CAPTIONS.get(r), BACKGROUND));
    }
    return ImageGrid.of(rows, 1, 0, BACKGROUND);
  }
}
