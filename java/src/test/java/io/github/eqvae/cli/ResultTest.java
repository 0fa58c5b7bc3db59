package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.api.Test;

class ResultTest {
  @Test
  void whatIsShownIsSpreadOverAllImages() {
    float[] images = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6};
    assertArrayEquals(new float[] {0, 0, 2, 2, 4, 4}, Result.spread(images, 2, 3));
    assertArrayEquals(images, Result.spread(images, 2, 7), "all of them, in order");
    assertArrayEquals(new float[] {0, 0}, Result.spread(images, 2, 1));
  }
}
