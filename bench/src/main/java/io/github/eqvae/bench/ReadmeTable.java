package io.github.eqvae.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** README's table of speed: some rows of {@code bench/tables.md} in other words. */
final class ReadmeTable {
  private static final String BEGIN = "<!-- made by bench/run tables -->\n";
  private static final String END = "<!-- end -->\n";

  /** Above this many milliseconds seconds are easier to read. */
  private static final double SECONDS = 600;

  private ReadmeTable() {}

  private static Map<String, String> rows() {
    Map<String, String> rows = new LinkedHashMap<>();
    rows.put(
        "TrainingStepBenchmark demo plain",
        "training step: the demo's model, released objective, batch 32");
    rows.put("TrainingStepBenchmark demo eq-0.75", "the same, EQ step, scale ¾");
    rows.put(
        "TrainingStepBenchmark sd-vae-32 plain",
        "training step: SD-VAE with ch = 32, 64 px, batch 8");
    rows.put("TrainingStepBenchmark sd-vae-32 eq-0.75", "the same, EQ step, scale ¾");
    rows.put("CodingBenchmark sd-vae 256 ENCODE", "SD-VAE's encoder, one image of 256 px");
    rows.put("CodingBenchmark sd-vae 256 DECODE", "its decoder");
    return rows;
  }

  /**
   * The table.
   *
   * @param tables what {@link Tables#of} made
   * @throws IllegalArgumentException when a row is not among them
   */
  static String of(String tables) {
    StringBuilder out = new StringBuilder("| | eqvae | libtorch | ratio |\n|---|---|---|---|\n");
    rows()
        .forEach(
            (name, words) -> {
              Matcher row =
                  Pattern.compile(
                          "\\| "
                              + Pattern.quote(name)
                              + ", ms/op \\| ([\\d.]+) \\| ([\\d.]+) \\| ([\\d.]+) \\| "
                              + "(\\*\\*[\\d.]+\\*\\*) \\|")
                      .matcher(tables);
              if (!row.find()) {
                throw new IllegalArgumentException(
                    "bench/runs has no run of " + name + " with both peers");
              }
              double ours = Double.parseDouble(row.group(1));
              double theirs =
                  Math.min(Double.parseDouble(row.group(2)), Double.parseDouble(row.group(3)));
              boolean seconds = ours > SECONDS;
              out.append(
                  "| %s | %s | %s | %s |\n"
                      .formatted(words, time(ours, seconds), time(theirs, seconds), row.group(4)));
            });
    return out.toString();
  }

  private static String time(double ms, boolean seconds) {
    return seconds
        ? String.format(Locale.ROOT, "%.2f s", ms / 1000)
        : String.format(Locale.ROOT, "%.0f ms", ms);
  }

  /** A text whose table is the given one; unchanged where it has no place for one. */
  static String replaced(String readme, String table) {
    int begin = readme.indexOf(BEGIN);
    int end = readme.indexOf(END, Math.max(begin, 0));
    return begin < 0 || end < 0
        ? readme
        : readme.substring(0, begin + BEGIN.length()) + table + readme.substring(end);
  }

  /** Replaces the table in a file, if it is there. */
  static void write(Path readme, String tables) throws IOException {
    if (Files.exists(readme)) {
      Files.writeString(readme, replaced(Files.readString(readme), of(tables)));
    }
  }
}
