package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.Task;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** When gradients that are exactly zero are said. */
class GradientAlarmTest {
  private static GradientAlarm alarm(int patience) {
    return new GradientAlarm(new Task.ZeroGradients("norm", patience, "nothing is learned"));
  }

  private static StepReport step(long step, double norm, boolean skipped) {
    return new StepReport(step, 100, Map.of("norm", norm), Map.of(), 1, 1, skipped);
  }

  @Test
  void itIsSaidOnce() {
    GradientAlarm alarm = alarm(1);
    assertFalse(alarm.check(step(1, 1e-30, false)).isPresent());
    assertFalse(alarm.check(step(2, 0, true)).isPresent(), "of a skipped step nothing is known");
    assertEquals("step 3: nothing is learned", alarm.check(step(3, 0, false)).orElseThrow());
    assertFalse(alarm.check(step(4, 0, false)).isPresent());
  }

  @Test
  void patienceCountsStepsInARow() {
    GradientAlarm alarm = alarm(20);
    int said = 0;
    for (int i = 1; i <= 60; i++) {
      said += alarm.check(step(i, i == 10 ? 1 : 0, false)).isPresent() ? 1 : 0;
      assertEquals(i < 30 ? 0 : 1, said, "at " + i);
    }
  }

  /** A network that has not begun to train has no norm in the log. */
  @Test
  void whatIsNotThereIsNotZero() {
    StepReport other = new StepReport(1, 100, Map.of("other", 0.0), Map.of(), 1, 1, false);
    assertTrue(alarm(1).check(other).isEmpty());
  }
}
