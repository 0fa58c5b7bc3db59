package io.github.eqvae.train.report;

import io.github.eqvae.train.log.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Curves of a run's log: a value of an event over steps. */
public final class LogSeries {
  private LogSeries() {}

  /**
   * Reads a curve.
   *
   * @param log {@code metrics.jsonl}; it may be missing
   * @param event such as {@code step} or {@code validation}
   * @param key the value's name
   * @param name the curve's name
   * @return without points if the log has none
   * @throws IOException when the log cannot be read
   */
  public static ReportData.Series read(Path log, String event, String key, String name)
      throws IOException {
    List<double[]> points = new ArrayList<>();
    for (Map<String, Object> line :
        Files.exists(log) ? RunLog.read(log) : List.<Map<String, Object>>of()) {
      if (event.equals(line.get("event"))
          && line.get("step") instanceof Number step
          && line.get(key) instanceof Number value) {
        points.add(new double[] {step.doubleValue(), value.doubleValue()});
      }
    }
    return new ReportData.Series(
        name,
        points.stream().mapToDouble(p -> p[0]).toArray(),
        points.stream().mapToDouble(p -> p[1]).toArray());
  }
}
