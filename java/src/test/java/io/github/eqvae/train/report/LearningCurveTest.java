package io.github.eqvae.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LearningCurveTest {
  @TempDir Path folder;

  private static LearningCurve curve(double... values) {
    double[] steps = new double[values.length];
    for (int i = 0; i < steps.length; i++) {
      steps[i] = 100 * (i + 1);
    }
    return new LearningCurve(steps, values);
  }

  @Test
  void aValueIsReachedBetweenTwoMeasurements() {
    assertEquals(OptionalDouble.of(250), curve(9, 6, 4, 3).stepsTo(5));
    assertEquals(OptionalDouble.of(300), curve(9, 6, 4, 3).stepsTo(4));
    assertEquals(OptionalDouble.of(100), curve(9, 6, 4, 3).stepsTo(10));
    assertEquals(OptionalDouble.empty(), curve(9, 6, 4, 3).stepsTo(2.9));
  }

  /** What counts is the first time, even if the curve rises again. */
  @Test
  void theFirstTimeCounts() {
    assertEquals(OptionalDouble.of(150), curve(8, 4, 7, 2).stepsTo(6));
  }

  @Test
  void speedUpIsOfStepsToTheEnd() {
    LearningCurve plain = curve(9, 6, 4, 3);
    assertEquals(OptionalDouble.of(2), plain.speedUp(curve(5, 3, 2, 1)));
    assertEquals(OptionalDouble.of(1), plain.speedUp(plain));
    assertTrue(plain.speedUp(curve(9, 8, 7, 6)).isEmpty());
  }

  /** Seen: a run that only got worse was said to be beaten twelve times, by one as slow as it. */
  @Test
  void aCurveThatNoLongerFallsIsNoSlowerForIt() {
    LearningCurve flat = curve(9, 3, 2, 3);
    assertEquals(OptionalDouble.of(1), flat.speedUp(flat));
    assertEquals(OptionalDouble.of(200.0 / 150), flat.speedUp(curve(4, 2, 1, 1)));
  }

  @Test
  void whatIsNoCurveIsRefused() {
    double[] two = {1, 2};
    double[] same = {1, 1};
    double[] one = {1};
    double[] none = {};
    assertThrows(IllegalArgumentException.class, () -> new LearningCurve(two, one));
    assertThrows(IllegalArgumentException.class, () -> new LearningCurve(same, two));
    assertThrows(IllegalArgumentException.class, () -> new LearningCurve(none, none));
  }

  @Test
  void itIsReadFromALog() throws IOException {
    Path log = folder.resolve("metrics.jsonl");
    Files.writeString(
        log,
        """
        {"event": "step", "step": 5, "distance": 7}
        {"event": "validation", "step": 10, "distance": 4}
        {"event": "validation", "step": 20, "distance": 2}
        """);
    LearningCurve curve = LearningCurve.read(log, "distance");
    assertEquals(2, curve.last());
    assertEquals(20, curve.lastStep());
    assertEquals(OptionalDouble.of(15), curve.stepsTo(3));
    String message =
        assertThrows(IOException.class, () -> LearningCurve.read(log, "fid")).getMessage();
    assertTrue(message.endsWith("has no fid"), message);
  }
}
