package io.github.eqvae.train.generator;

import io.github.eqvae.train.report.ResultFile;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A generator's losses by time, as {@link LossByTime} measured them.
 *
 * @param step updates of the weights
 * @param averaged whether they are the average
 * @param images latents that were measured
 * @param rows one for each time
 * @param totals over all times
 */
public record TimedLosses(
    long step, boolean averaged, int images, List<Row> rows, Map<String, Double> totals) {
  /**
   * A part of the clock.
   *
   * @param time a diffusion's step; of a path the middle of a part, from noise (0) to data (1)
   * @param values of a diffusion {@code vb} (bits per dimension), {@code xstart_mse} and {@code
   *     mse}, as the reference names them; of a path {@code loss}
   */
  public record Row(double time, Map<String, Double> values) {
    /** Keeps the order. */
    public Row {
      values = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }
  }

  /** Keeps the order. */
  public TimedLosses {
    rows = List.copyOf(rows);
    totals = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(totals));
  }

  /**
   * For people.
   *
   * @return a table
   */
  public String text() {
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            Locale.ROOT,
            "%,d held-out latents, %s of step %,d%n",
            images,
            averaged ? "the average (EMA)" : "the weights as last trained",
            step));
    List<String> names = List.copyOf(rows.getFirst().values().keySet());
    out.append(String.format(Locale.ROOT, "%10s", "time"));
    names.forEach(name -> out.append(String.format(Locale.ROOT, "%14s", name)));
    out.append(System.lineSeparator());
    for (Row row : rows) {
      out.append(
          row.time() == Math.rint(row.time())
              ? String.format(Locale.ROOT, "%10.0f", row.time())
              : String.format(Locale.ROOT, "%10.4f", row.time()));
      names.forEach(
          name -> out.append(String.format(Locale.ROOT, "%14.6g", row.values().get(name))));
      out.append(System.lineSeparator());
    }
    totals.forEach(
        (name, value) -> out.append(String.format(Locale.ROOT, "%-20s%.6g%n", name, value)));
    return out.toString();
  }

  /**
   * For programs.
   *
   * @return JSON
   */
  public String json() {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("step", step);
    all.put("averaged", averaged);
    all.put("held_out", images);
    all.putAll(totals);
    List<Map<String, Object>> times = new ArrayList<>();
    for (Row row : rows) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("time", row.time());
      line.putAll(row.values());
      times.add(line);
    }
    all.put("by_time", times);
    return ResultFile.text(ResultFile.EVALUATION, all);
  }
}
