package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private static float[] image(long seed, int length) {
    Random random = new Random(seed);
    float[] out = new float[length];
    for (int i = 0; i < length; i++) {
      out[i] = 2 * random.nextFloat() - 1;
    }
    return out;
  }

  @Test
  void psnrOfKnownDifferences() {
    float[] black = new float[12];
    Arrays.fill(black, -1);
    float[] white = new float[12];
    Arrays.fill(white, 1);
    assertEquals(0, Psnr.uint8(black, white), 0);
    float[] ten = black.clone(); // 10 levels in every sample: 10·log10(255²/100)
    Arrays.fill(ten, -1 + 10 / 127.5f + 1e-4f);
    assertEquals(28.1308, Psnr.uint8(black, ten), 1e-4);
    assertTrue(Psnr.uint8(black, black) > 100);
    assertEquals(0, Psnr.toByte(-3));
    assertEquals(255, Psnr.toByte(3));
    assertEquals(128, Psnr.toByte(0));
    assertThrows(IllegalArgumentException.class, () -> Psnr.uint8(black, new float[3]));
  }

  /** SSIM pixel by pixel from its definition, window by window. */
  private static double slowSsim(float[] a, float[] b, int h, int w, int channels) {
    double[][] window = new double[11][11];
    double sum = 0;
    for (int i = 0; i < 11; i++) {
      for (int j = 0; j < 11; j++) {
        window[i][j] = Math.exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
        sum += window[i][j];
      }
    }
    double c1 = Math.pow(0.01 * 2, 2);
    double c2 = Math.pow(0.03 * 2, 2);
    double total = 0;
    for (int c = 0; c < channels; c++) {
      for (int y = 5; y < h - 5; y++) {
        for (int x = 5; x < w - 5; x++) {
          double ma = 0;
          double mb = 0;
          for (int i = 0; i < 11; i++) {
            for (int j = 0; j < 11; j++) {
              int at = ((y + i - 5) * w + x + j - 5) * channels + c;
              ma += window[i][j] / sum * a[at];
              mb += window[i][j] / sum * b[at];
            }
          }
          double va = 0;
          double vb = 0;
          double cov = 0;
          for (int i = 0; i < 11; i++) {
            for (int j = 0; j < 11; j++) {
              int at = ((y + i - 5) * w + x + j - 5) * channels + c;
              va += window[i][j] / sum * (a[at] - ma) * (a[at] - ma);
              vb += window[i][j] / sum * (b[at] - mb) * (b[at] - mb);
              cov += window[i][j] / sum * (a[at] - ma) * (b[at] - mb);
            }
          }
          total +=
              (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
        }
      }
    }
    return total / (channels * (h - 10.0) * (w - 10.0));
  }

  @Test
  void ssimIsItsDefinition() {
    int h = 17;
    int w = 14;
    float[] a = image(1, h * w * 3);
    float[] b = image(2, h * w * 3);
    for (int i = 0; i < b.length; i++) {
      b[i] = 0.6f * a[i] + 0.4f * b[i];
    }
    double expected = slowSsim(a, b, h, w, 3);
    assertTrue(expected > 0.1 && expected < 0.95, "an uninteresting pair: " + expected);
    Ssim.Variant inside = Ssim.Variant.SCIKIT_IMAGE;
    assertEquals(expected, Ssim.of(inside, a, b, h, w, 3), 1e-9);
    assertThrows(EqvaeException.Argument.class, () -> Ssim.of(inside, a, b, 10, w, 3));
  }

  /** Pictures that Python computes alike. */
  private static float[] pattern(int noise) {
    float[] out = new float[19 * 14 * 3];
    for (int i = 0; i < 19; i++) {
      for (int j = 0; j < 14; j++) {
        for (int c = 0; c < 3; c++) {
          int v = (i * 37 + j * 101 + c * 53 + i * j % 17 * 11) % 200;
          v += noise * ((i * 7 + j * j * 3 + c * 29) % 41);
          out[(i * 14 + j) * 3 + c] = (float) (v / 127.5 - 1);
        }
      }
    }
    return out;
  }

  /** Computed by scikit-image 0.26.0 and torchmetrics 1.9.0, in double precision. */
  @Test
  void ssimIsThatOfTheProgramItIsNamedAfter() {
    float[] a = pattern(0);
    float[] b = pattern(1);
    assertEquals(0.4413143010362817, Ssim.of(Ssim.Variant.SCIKIT_IMAGE, a, b, 19, 14, 3), 1e-12);
    assertEquals(0.3357981165396511, Ssim.of(Ssim.Variant.TORCHMETRICS, a, b, 19, 14, 3), 1e-12);
    assertEquals(0.3345076480622005, Ssim.of(Ssim.Variant.RELEASED, a, b, 19, 14, 3), 1e-12);
    for (Ssim.Variant v : Ssim.Variant.values()) {
      assertEquals(1, Ssim.of(v, a, a, 19, 14, 3), 1e-12);
      assertThrows(EqvaeException.Argument.class, () -> Ssim.of(v, a, b, 5, 14, 3));
    }
  }

  @Test
  void equivarianceErrorIsTheMeanOfRelativeSquares() {
    EquivarianceError error = new EquivarianceError();
    error.add("90°", new float[] {1, 0, 3, 3}, new float[] {1, 2, 3, 4}, 2);
    // first latent: (0 + 4)/(1 + 4), second: (0 + 1)/(9 + 16)
    assertEquals((4.0 / 5 + 1.0 / 25) / 2, error.mean("90°"), 1e-12);
    error.add("90°", new float[] {5, 5}, new float[] {5, 5}, 1);
    assertEquals((4.0 / 5 + 1.0 / 25) / 3, error.mean("90°"), 1e-12);
    assertTrue(Double.isNaN(error.mean("180°")));
    assertThrows(
        IllegalArgumentException.class, () -> error.add("90°", new float[3], new float[4], 2));
  }

  @Test
  void latentStatisticsAreTwoPassStatistics() {
    float[] latents = image(3, 2 * 5 * 7 * 4);
    for (int i = 0; i < latents.length; i++) {
      latents[i] = latents[i] * (1 + i % 4) + 3 * (i % 4);
    }
    LatentStatistics statistics = new LatentStatistics(4);
    statistics.add(Arrays.copyOf(latents, 5 * 7 * 4));
    statistics.add(Arrays.copyOfRange(latents, 5 * 7 * 4, latents.length));
    double[] mean = new double[4];
    double[] variance = new double[4];
    double all = 0;
    int n = latents.length / 4;
    for (int i = 0; i < latents.length; i++) {
      mean[i % 4] += latents[i] / n;
      all += latents[i] / (double) latents.length;
    }
    double spread = 0;
    for (int i = 0; i < latents.length; i++) {
      variance[i % 4] += Math.pow(latents[i] - mean[i % 4], 2) / n;
      spread += Math.pow(latents[i] - all, 2) / latents.length;
    }
    for (int c = 0; c < 4; c++) {
      assertEquals(mean[c], statistics.mean(c), 1e-5);
      assertEquals(Math.sqrt(variance[c]), statistics.std(c), 1e-5);
    }
    assertEquals(all, statistics.mean(), 1e-5);
    assertEquals(Math.sqrt(spread), statistics.std(), 1e-5);
    assertEquals(1 / statistics.std(), statistics.scalingFactor(), 1e-12);
  }

  @Test
  void spectrumFindsWhereTheEnergyIs() {
    int side = 8;
    float[] slow = new float[side * side];
    float[] fast = new float[side * side];
    for (int i = 0; i < side; i++) {
      for (int j = 0; j < side; j++) {
        slow[i * side + j] = 5 + (float) Math.cos(Math.PI * (2 * i + 1) / (2.0 * side));
        fast[i * side + j] = (i + j) % 2 == 0 ? 1 : -1;
      }
    }
    LatentSpectrum low = new LatentSpectrum();
    low.add(slow, side, side, 1);
    assertEquals(0, low.highFrequencyShare(), 1e-9); // the constant 5 does not count
    assertEquals(1, low.shares()[1], 1e-9); // r = 1/8 lies in the second band
    LatentSpectrum high = new LatentSpectrum();
    high.add(fast, side, side, 1);
    assertTrue(high.highFrequencyShare() > 0.9, "" + high.highFrequencyShare());
    LatentSpectrum both = new LatentSpectrum();
    both.add(slow, side, side, 1);
    both.add(fast, side, side, 1);
    assertEquals(1, Arrays.stream(both.shares()).sum(), 1e-9);
    assertEquals(2, both.latents());
  }
}
