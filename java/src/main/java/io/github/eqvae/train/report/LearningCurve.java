package io.github.eqvae.train.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The values of a metric during a run, by which two runs are compared. Lower is better.
 *
 * @param steps the steps at which it was measured, ascending
 * @param values what was measured
 */
public record LearningCurve(double[] steps, double[] values) {
  /**
   * Checks that it is a curve.
   *
   * @throws IllegalArgumentException without points, with unequal counts, or when steps do not grow
   */
  public LearningCurve {
    if (steps.length == 0 || steps.length != values.length) {
      throw new IllegalArgumentException(steps.length + " steps, " + values.length + " values");
    }
    for (int i = 1; i < steps.length; i++) {
      if (steps[i] <= steps[i - 1]) {
        throw new IllegalArgumentException("steps " + steps[i - 1] + " and " + steps[i]);
      }
    }
  }

  /**
   * Reads the validations of a run.
   *
   * @param log {@code metrics.jsonl}
   * @param key such as {@code frechet_distance}
   * @return the curve
   * @throws IOException when the log cannot be read, or has no such figure
   */
  public static LearningCurve read(Path log, String key) throws IOException {
    return find(log, key).orElseThrow(() -> new IOException(log + " has no " + key));
  }

  /**
   * Reads the validations of a run.
   *
   * @param log {@code metrics.jsonl}
   * @param key such as {@code frechet_distance}
   * @return the curve; empty if the log has no such figure
   * @throws IOException when the log cannot be read
   */
  public static Optional<LearningCurve> find(Path log, String key) throws IOException {
    ReportData.Series series = LogSeries.read(log, "validation", key, key);
    return series.x().length == 0
        ? Optional.empty()
        : Optional.of(new LearningCurve(series.x(), series.y()));
  }

  /**
   * The last value.
   *
   * @return what the run ended with
   */
  public double last() {
    return values[values.length - 1];
  }

  /**
   * The last step.
   *
   * @return when {@link #last} was measured
   */
  public double lastStep() {
    return steps[steps.length - 1];
  }

  /**
   * The first step at which the curve is as low as a value, by linear interpolation between
   * measurements.
   *
   * @param value what is to be reached
   * @return the step; empty if it is not reached
   */
  public OptionalDouble stepsTo(double value) {
    for (int i = 0; i < values.length; i++) {
      if (values[i] <= value) {
        if (i == 0) {
          return OptionalDouble.of(steps[0]);
        }
        double part = (values[i - 1] - value) / (values[i - 1] - values[i]);
        return OptionalDouble.of(steps[i - 1] + part * (steps[i] - steps[i - 1]));
      }
    }
    return OptionalDouble.empty();
  }

  /**
   * How much sooner {@code other} reaches the last value of this curve: the step at which this
   * curve first reached that value, divided by the step at which {@code other} did. Because the
   * first time counts, a curve that stopped falling early does not make the other one look fast.
   *
   * @param other the other curve
   * @return such as 4 for a quarter of the steps; empty if the other does not reach it
   */
  public OptionalDouble speedUp(LearningCurve other) {
    OptionalDouble reached = other.stepsTo(last());
    return reached.isPresent()
        ? OptionalDouble.of(stepsTo(last()).getAsDouble() / reached.getAsDouble())
        : OptionalDouble.empty();
  }
}
