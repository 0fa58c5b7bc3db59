package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import org.junit.jupiter.api.Test;

/**
 * The older schedules of facebookresearch/DiT: what its {@code get_beta_schedule} returns for 40
 * steps with β from 0.0001·1000/40 to 0.02·1000/40.
 */
class NoiseScheduleTest {
  private static final int STEPS = 40;
  private static final int[] AT = {0, 1, 3, 4, 19, 20, 38, 39};

  private static void assertBetas(NoiseSchedule schedule, double... expected) {
    assertEquals(STEPS, schedule.steps());
    for (int i = 0; i < AT.length; i++) {
      assertEquals(expected[i], schedule.beta(AT[i]), 1e-15, "step " + AT[i]);
    }
  }

  @Test
  void betasAreTheReferences() {
    assertBetas(
        NoiseSchedule.quadratic(STEPS),
        0.0025000000000000005,
        0.0044687743382701385,
        0.010109633949253592,
        0.013781719221966906,
        0.13699543569039366,
        0.1497518459468039,
        0.47645595382544964,
        0.5000000000000001);
    assertBetas(
        NoiseSchedule.warmup(STEPS, 0.1),
        0.0025,
        0.16833333333333333,
        0.5,
        0.5,
        0.5,
        0.5,
        0.5,
        0.5);
    assertBetas(
        NoiseSchedule.warmup(STEPS, 0.5),
        0.0025,
        0.028684210526315788,
        0.08105263157894738,
        0.10723684210526316,
        0.5,
        0.5,
        0.5,
        0.5);
    assertBetas(NoiseSchedule.constant(STEPS), 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    assertBetas(
        NoiseSchedule.jsd(STEPS),
        0.025,
        0.02564102564102564,
        0.02702702702702703,
        0.027777777777777776,
        0.047619047619047616,
        0.05,
        0.5,
        1.0);
  }

  @Test
  void fewStepsAreRefused() {
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.warmup(19, 0.5));
    assertTrue(e.getMessage().contains("at least 20 steps"), e.getMessage());
    assertThrows(EqvaeException.Argument.class, () -> NoiseSchedule.warmup(20, 0));
  }
}
