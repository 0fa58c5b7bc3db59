package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class LabelledGridTest {
  private static final int SIDE = 32;

  private static List<Image> samples(int count) {
    List<Image> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] pixels = new byte[SIDE * SIDE];
      Arrays.fill(pixels, (byte) (100 + i));
      samples.add(new Image(SIDE, SIDE, 1, pixels));
    }
    return samples;
  }

  private static boolean ink(Image grid, int left, int right, int rows) {
    boolean ink = false;
    for (int y = 0; y < rows; y++) {
      for (int x = left; x < right; x++) {
        ink |= grid.data()[y * grid.width() + x] == 0;
      }
    }
    return ink;
  }

  /** Each column has its label above; the samples keep their order. */
  @Test
  void columnsHaveLabels() {
    Image grid = LabelledGrid.of(samples(5), new int[] {3, 7, 3, 7, 3}, 2);
    assertEquals(2 * SIDE + 3 * 2, grid.width());
    int above = grid.height() - 3 * SIDE - 5 * 2; // three rows; each grid has a gap around it
    assertTrue(above > 4, "no room for labels: " + above);
    assertTrue(ink(grid, 0, SIDE, above) && ink(grid, SIDE + 4, grid.width(), above));
    int bottom = grid.height() - 10;
    assertEquals(104, grid.data()[bottom * grid.width() + 10] & 255);
    assertEquals(255, grid.data()[bottom * grid.width() + SIDE + 10] & 255);
  }

  /** Labels repeat the classes, or those that are asked for; a column must not mix them. */
  @Test
  void aColumnHasOneLabel() {
    for (int classes = 1; classes < 20; classes++) {
      int repeat = Math.min(classes, 8);
      int columns = LabelledGrid.columns(0, classes, 100);
      assertEquals(0, columns % repeat, classes + " classes in " + columns + " columns");
      assertTrue(columns > 4, "few columns");
    }
    assertEquals(10, LabelledGrid.columns(10, 10, 100));
    assertEquals(3, LabelledGrid.columns(0, 10, 3));
    assertEquals(8, LabelledGrid.columns(0, 0, 100));
  }

  @Test
  void withoutClassesTheySaySamples() {
    Image grid = LabelledGrid.of(samples(4), 4);
    assertTrue(ink(grid, 0, grid.width(), grid.height() - SIDE - 4));
  }
}
