package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Statistics in the files of pytorch-fid and guided-diffusion. */
class GaussianStatisticsTest {
  private static final GaussianStatistics TWO =
      new GaussianStatistics(new double[] {1, 2}, new double[] {4, 1, 1, 3});
  private static final GaussianStatistics ONE =
      new GaussianStatistics(new double[] {5}, new double[] {0.1});

  @TempDir Path folder;

  @Test
  void readsWhatItWrote() throws IOException {
    Path file = folder.resolve("reference.npz");
    GaussianStatistics.write(file, TWO, Optional.of(ONE));
    assertArrayEquals(TWO.covariance(), GaussianStatistics.read(file).covariance());
    assertArrayEquals(ONE.mean(), GaussianStatistics.readSpatial(file).orElseThrow().mean());
    GaussianStatistics.write(file, TWO, Optional.empty());
    assertTrue(GaussianStatistics.readSpatial(file).isEmpty());
    assertEquals(0, GaussianStatistics.read(file).distance(TWO), 1e-12);
  }

  /** ADM's means are in single precision. */
  @Test
  void readsSinglePrecision() throws IOException {
    Path file = folder.resolve("adm.npz");
    NpzFile.write(
        file,
        Map.of(
            "mu", NpyArray.floats(new float[] {1, 2}, 2),
            "sigma", NpyArray.doubles(TWO.covariance(), 2, 2)));
    assertArrayEquals(TWO.mean(), GaussianStatistics.read(file).mean());
  }

  @Test
  void namesWhatDoesNotFit() throws IOException {
    Path file = folder.resolve("odd.npz");
    NpzFile.write(file, Map.of("mu", NpyArray.doubles(new double[2], 2)));
    assertTrue(
        assertThrows(IOException.class, () -> GaussianStatistics.read(file))
            .getMessage()
            .contains("expected the arrays mu and sigma"));
    NpzFile.write(
        file,
        Map.of(
            "mu", NpyArray.doubles(new double[2], 2),
            "sigma", NpyArray.doubles(new double[6], 2, 3)));
    assertTrue(
        assertThrows(IOException.class, () -> GaussianStatistics.read(file))
            .getMessage()
            .contains("are not a mean [d] and a covariance [d, d]"));
    assertTrue(
        assertThrows(EqvaeException.Argument.class, () -> TWO.distance(ONE))
            .getMessage()
            .contains("different networks"));
  }

  /** Seen: a stack trace. */
  @Test
  void whatIsNoDistributionIsNamed() {
    GaussianStatistics good =
        new GaussianStatistics(new double[] {0, 0}, new double[] {1, 0, 0, 1});
    double[][] covariances = {{1, 0, 0, Double.NaN}, {1, 0.9, 0.9, 0.5}};
    for (double[] wrong : covariances) {
      String said =
          assertThrows(
                  EqvaeException.Argument.class,
                  () -> good.compare(new GaussianStatistics(new double[] {0, 0}, wrong)))
              .getMessage();
      assertTrue(said.contains("statistics") && !said.contains("Exception"), said);
    }
  }
}
