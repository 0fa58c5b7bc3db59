package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource({"0, 0", "0, -1", "0, NaN", "0, Infinity", "NaN, 1", "Infinity, 1"})
  void whatIsNoneToDivideByIsRefused(double mean, double std) {
    List<Double> means = List.of(0.0, mean);
    List<Double> stds = List.of(1.0, std);
    String message =
        assertThrows(EqvaeException.Argument.class, () -> new LatentScaling(1, 0, means, stds))
            .getMessage();
    assertTrue(message.startsWith("channel 1 has latents_mean"), message);
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
