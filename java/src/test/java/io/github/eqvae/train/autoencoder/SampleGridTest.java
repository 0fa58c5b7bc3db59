package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SampleGridTest {
  /** Rows keep their order, each below a line of text. */
  @Test
  void everyRowHasACaption() {
    List<Image> tiles = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      byte[] pixels = new byte[64 * 64];
      java.util.Arrays.fill(pixels, (byte) (100 + i));
      tiles.add(new Image(64, 64, 1, pixels));
    }
    Image grid = SampleGrid.of(tiles, 2);
    assertEquals(2 * 64 + 3 * 2, grid.width());
    int row = grid.height() / SampleGrid.CAPTIONS.size();
    assertTrue(row > 64 + 2 * 2, "no room for a caption");
    for (int r = 0; r < 4; r++) {
      assertEquals(100 + 2 * r, grid.data()[((r + 1) * row - 10) * grid.width() + 10] & 255);
      boolean ink = false;
      for (int i = r * row * grid.width(); i < (r * row + row - 70) * grid.width(); i++) {
        ink |= grid.data()[i] == 0;
      }
      assertTrue(ink, "nothing is written above row " + r);
    }
  }
}
