package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Keeps the best model by a metric of the validations ({@code run.best_metric}) in addition to the
 * last one, and ends a run that does not improve ({@code run.early_stop}).
 */
final class BestModel {
  /** Writes the model as it is now. */
  @FunctionalInterface
  interface Writer {
    void write(Path file, Map<String, String> more) throws IOException;
  }

  private final RunRecipe run;
  private final Path file;
  private final Workload.Metric metric;
  private OptionalDouble best = OptionalDouble.empty();
  private long bestStep;
  private int since;

  /**
   * Continues from a run's log.
   *
   * @param run has the metric and the patience
   * @param known the metrics there are
   * @param file receives the best model
   * @param metrics the log
   * @param done the step that the run continues from; later lines are ignored
   */
  BestModel(RunRecipe run, List<Workload.Metric> known, Path file, Path metrics, long done)
      throws IOException {
    this.run = run;
    this.file = file;
    String name = run.bestMetric();
    metric =
        known.stream()
            .filter(m -> m.name().equals(name))
            .findFirst()
            .orElse(new Workload.Metric(name, name, false));
    if (isWanted() && Files.exists(metrics)) {
      for (Map<String, Object> line : RunLog.read(metrics)) {
        if (!(line.get("step") instanceof Number step) || step.longValue() > done) {
          continue;
        }
        if ("validation".equals(line.get("event"))
            && line.get(metric.key()) instanceof Number value) {
          judge(step.longValue(), value.doubleValue());
        } else if ("changed".equals(line.get("event"))) {
          changed(line.keySet());
        }
      }
    }
  }

  /**
   * Refuses a metric that the run does not measure, before it begins.
   *
   * @throws EqvaeException.Argument with those that it measures
   */
  static void requireKnown(RunRecipe run, List<Workload.Metric> known) {
    String name = run.bestMetric();
    if (!name.equals(RunRecipe.NO_METRIC) && known.stream().noneMatch(m -> m.name().equals(name))) {
      List<String> names = known.stream().map(Workload.Metric::name).toList();
      throw new EqvaeException.Argument(
          "run.best_metric "
              + name
              + ": this run measures "
              + (names.isEmpty()
                  ? "nothing, since nothing is held out"
                  : String.join(", ", names)));
    }
  }

  /**
   * Settings were changed: a run that had ended continues, and counts validations without
   * improvement from 0 again.
   *
   * @param keys their names; those that do not change the training do not count
   */
  void changed(Collection<String> keys) {
    if (isOver()
        && keys.stream()
            .anyMatch(
                key ->
                    key.contains(".") // a log's line has other entries, too
                        && !key.startsWith("evaluation.")
                        && !key.equals("run.device")
                        && !key.equals("run.threads"))) {
      since = 0;
    }
  }

  private boolean isWanted() {
    return !run.bestMetric().equals(RunRecipe.NO_METRIC);
  }

  /** Whether this is the best so far; a value that is not finite never is. */
  private boolean judge(long step, double value) {
    boolean better =
        Double.isFinite(value)
            && (best.isEmpty()
                || (metric.higherIsBetter()
                    ? value > best.getAsDouble()
                    : value < best.getAsDouble()));
    since = better ? 0 : since + 1;
    if (better) {
      best = OptionalDouble.of(value);
      bestStep = step;
    }
    return better;
  }

  /**
   * A validation was made.
   *
   * @param step steps done
   * @param values what it measured
   * @param model writes the model that was measured, if it is the best
   */
  void validated(long step, Map<String, Double> values, Writer model) throws IOException {
    Double value = values.get(metric.key());
    if (!isWanted() || value == null || !judge(step, value)) {
      return;
    }
    Map<String, String> more = new LinkedHashMap<>();
    more.put(RunFolder.STEP_KEY, Long.toString(step));
    more.put("eqvae." + run.bestMetric(), value.toString());
    model.write(file, more);
  }

  /** Whether the run should end: so many validations in a row were no better. */
  boolean isOver() {
    return run.earlyStop() > 0 && since >= run.earlyStop();
  }

  /** The text for the end of the run; empty if the recipe asks for no best model. */
  String text() {
    return best.isEmpty()
        ? ""
        : String.format(
            Locale.ROOT,
            "best   %s (step %d, %s %.5g in its validation)%n",
            file,
            bestStep,
            run.bestMetric(),
            best.getAsDouble());
  }

  /** The text for a run that is over, and was resumed. */
  String ended(long step, RunFolder folder, int patience) {
    return "this run ended at step "
        + step
        + ": "
        + reason()
        + ". It is not trained on, only evaluated. To train on, give it more patience: "
        + Invocation.command(
            "train", "--resume", folder.path(), "--set", "run.early_stop=" + 2 * patience);
  }

  /** Why the run ended before its last step. */
  String reason() {
    return (run.earlyStop() == 1
            ? "1 validation was"
            : run.earlyStop() + " validations in a row were")
        + " no better than that of step "
        + bestStep
        + " ("
        + run.bestMetric()
        + "; run.early_stop)";
  }
}
