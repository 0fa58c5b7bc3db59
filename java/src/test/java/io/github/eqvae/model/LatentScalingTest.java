package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class LatentScalingTest {
  private static final LatentScaling SQUARES =
      LatentScaling.batchNorm(
          Collections.nCopies(8, 0.0), List.of(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), 2, 0);

  /** As {@code _patchify_latents} of diffusers' FLUX.2 pipeline does it with arange, in NHWC. */
  @Test
  void squaresBecomeChannels() {
    float[] z = {0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15};
    float[] gathered = {0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15};
    assertArrayEquals(gathered, SQUARES.gather(z, 2, 4, 2));
    assertArrayEquals(z, SQUARES.spread(gathered, 2, 4, 2));
  }

  @Test
  void imagesStayApart() {
    float[] two = new float[2 * 4 * 4 * 2];
    for (int i = 0; i < two.length; i++) {
      two[i] = i;
    }
    float[] gathered = SQUARES.gather(two, 4, 4, 2);
    float[] second = SQUARES.gather(java.util.Arrays.copyOfRange(two, 32, 64), 4, 4, 2);
    assertArrayEquals(second, java.util.Arrays.copyOfRange(gathered, 32, 64));
    assertArrayEquals(two, SQUARES.spread(gathered, 4, 4, 2));
  }
}
