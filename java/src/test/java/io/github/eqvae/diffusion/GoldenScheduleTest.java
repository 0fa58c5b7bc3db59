package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Noise schedules and respacing against the tables of facebookresearch/DiT, to 10⁻¹². */
class GoldenScheduleTest {
  private static final double RELATIVE = 1e-12;

  private static Map<String, IntToDoubleFunction> tables(NoiseSchedule s) {
    return Map.ofEntries(
        Map.entry("betas", s::beta),
        Map.entry("alphas_cumprod", s::alphaCumulative),
        Map.entry("alphas_cumprod_prev", t -> s.alphaCumulative(t - 1)),
        Map.entry("alphas_cumprod_next", t -> s.alphaCumulative(t + 1)),
        Map.entry("sqrt_alphas_cumprod", t -> Math.sqrt(s.alphaCumulative(t))),
        Map.entry("sqrt_one_minus_alphas_cumprod", t -> Math.sqrt(1 - s.alphaCumulative(t))),
        Map.entry("log_one_minus_alphas_cumprod", t -> Math.log(1 - s.alphaCumulative(t))),
        Map.entry("sqrt_recip_alphas_cumprod", t -> Math.sqrt(1 / s.alphaCumulative(t))),
        Map.entry("sqrt_recipm1_alphas_cumprod", t -> Math.sqrt(1 / s.alphaCumulative(t) - 1)),
        Map.entry("posterior_variance", s::posteriorVariance),
        Map.entry("posterior_log_variance_clipped", s::posteriorLogVariance),
        Map.entry("posterior_mean_coef1", s::posteriorMeanOfStart),
        Map.entry("posterior_mean_coef2", s::posteriorMeanOfCurrent));
  }

  private static NoiseSchedule schedule(String name) {
    if (name.startsWith("linear")) {
      return NoiseSchedule.linear(Integer.parseInt(name.substring("linear".length())));
    }
    if (name.startsWith("cosine")) {
      return NoiseSchedule.cosine(Integer.parseInt(name.substring("cosine".length())));
    }
    NoiseSchedule whole = NoiseSchedule.linear(1000);
    return whole.respaced(Respacing.of(1000, name.substring("respace.".length())));
  }

  static List<Path> files() throws IOException {
    return GoldenFile.with("linear1000.betas");
  }

  @ParameterizedTest
  @MethodSource("files")
  void tablesOfEverySchedule(Path file) throws IOException {
    int compared = 0;
    try (GoldenFile golden = GoldenFile.open(file)) {
      for (String tensor : golden.names()) {
        int dot = tensor.lastIndexOf('.');
        String name = tensor.substring(0, dot);
        String table = tensor.substring(dot + 1);
        if (!name.matches("linear\\d+|cosine\\d+|respace\\..+")) {
          continue;
        }
        NoiseSchedule s = schedule(name);
        double[] expected = golden.values(tensor);
        assertEquals(expected.length, s.steps(), tensor);
        for (int t = 0; t < expected.length; t++) {
          double actual =
              "timestep_map".equals(table)
                  ? s.originalStep(t)
                  : tables(s).get(table).applyAsDouble(t);
          double bound = "timestep_map".equals(table) ? 0 : RELATIVE * Math.abs(expected[t]);
          assertEquals(expected[t], actual, bound, tensor + " of step " + t);
        }
        compared++;
      }
      assertArrayEquals(
          golden.values("respace300.10_15_20"), positions(Respacing.of(300, "10,15,20")));
      assertArrayEquals(golden.values("respace1000.one"), positions(Respacing.of(1000, "1")));
    }
    assertTrue(compared >= 1, "no table was compared");
  }

  private static double[] positions(int[] steps) {
    return Arrays.stream(steps).asDoubleStream().toArray();
  }

  @Test
  void whatCannotBeIsSaid() {
    for (String text : new String[] {"1001", "600,600", "0", "-3", "ddim", "ddim999", "a,b"}) {
      EqvaeException.Argument e =
          assertThrows(EqvaeException.Argument.class, () -> Respacing.of(1000, text), text);
      assertTrue(e.getMessage().length() > 20, e.getMessage());
    }
    NoiseSchedule s = NoiseSchedule.linear(20);
    assertThrows(EqvaeException.Argument.class, () -> s.respaced(3, 3));
    assertThrows(EqvaeException.Argument.class, () -> s.respaced(0, 20));
    assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.of(0.1, 0));
    assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.of(Double.NaN));
    assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.linear(19));
    assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.cosine(0));
  }

  /** Respacing a respaced process: the network is still told the times of its training. */
  @Test
  void respacedTwice() {
    NoiseSchedule twice =
        NoiseSchedule.linear(1000)
            .respaced(Respacing.of(1000, "ddim50"))
            .respaced(Respacing.of(50, "5"));
    assertEquals(5, twice.steps());
    assertEquals(0, twice.originalStep(0));
    assertEquals(980, twice.originalStep(4));
    assertEquals(NoiseSchedule.linear(1000).alphaCumulative(980), twice.alphaCumulative(4), 1e-15);
  }
}
