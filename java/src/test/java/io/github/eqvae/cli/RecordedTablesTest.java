package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Tables of README.md, docs/demo.md, docs/generators.md and docs/experiment.md are made from
 * docs/results. After new records {@code -Deqvae.tables.write=true} writes them; docs/record-*.sh
 * do both.
 */
class RecordedTablesTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final Pattern TABLE =
      Pattern.compile(
          "<!-- made of docs/results/([a-z]+)-\\* -->\n(.*?)<!-- end -->", Pattern.DOTALL);

  /** Seconds beside other programs say little; so much of the machine they may take. */
  private static final double SHARED = 0.05;

  private static final List<String> DISTANCES = GeneratorsDemo.DISTANCES;

  private static final int MOST_COLUMNS = 7;

  private static final String ERRORS = "rotation error plain → EQ | | scale error plain → EQ | |";

  private static JsonNode record(String name) throws IOException {
    return ResultFile.read(ROOT.resolve("docs/results").resolve(name + ".json"));
  }

  private static boolean exists(String name) {
    return Files.exists(ROOT.resolve("docs/results").resolve(name + ".json"));
  }

  private static String f(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private static String errors(JsonNode r) {
    StringBuilder out = new StringBuilder();
    for (String key : List.of("rotation_error", "scale_error")) {
      double plain = r.at("/plain/" + key).doubleValue();
      double eq = r.at("/eq/" + key).doubleValue();
      out.append(f(" %.3f → %.3f | **%.2f×** |", plain, eq, eq / plain));
    }
    return out.toString();
  }

  private static boolean shared(JsonNode r) {
    return r.path("other_programs_share").asDouble(0) > SHARED;
  }

  /** A row per record that there is, from seed 0 on. */
  private static String seeds(String what) throws IOException {
    StringBuilder out = new StringBuilder("| | PSNR plain | PSNR EQ | dB | " + ERRORS);
    out.append(" seconds |\n|---|---|---|---|---|---|---|---|---|\n");
    boolean shared = false;
    Set<String> machines = new LinkedHashSet<>();
    List<String[]> rows = new ArrayList<>(); // record, what its row is called
    for (int seed = 0; exists(what + "-seed-" + seed); seed++) {
      rows.add(new String[] {what + "-seed-" + seed, "seed " + seed});
    }
    if (exists(what + "-avx2-seed-0")) {
      rows.add(new String[] {what + "-avx2-seed-0", "seed 0, AVX2"});
    }
    for (String[] row : rows) {
      JsonNode r = record(row[0]);
      double plain = r.at("/plain/psnr").doubleValue();
      double eq = r.at("/eq/psnr").doubleValue();
      out.append(f("| %s | %.2f | %.2f | %+.2f |", row[1], plain, eq, eq - plain));
      out.append(errors(r));
      out.append(f(" %.0f%s |\n", r.path("seconds").doubleValue(), shared(r) ? "*" : ""));
      shared |= shared(r);
      machine(r).ifPresent(machines::add);
    }
    if (!machines.isEmpty()) {
      out.append("\nMeasured on ").append(String.join("; ", machines)).append(".\n");
    }
    if (shared) {
      out.append("\\* Other programs used the machine meanwhile: alone it takes less.\n");
    }
    return out.toString();
  }

  private static java.util.Optional<String> machine(JsonNode r) {
    JsonNode m = r.path("machine");
    return m.isMissingNode()
        ? java.util.Optional.empty()
        : java.util.Optional.of(
            m.path("processor").asText().replaceAll("^CPU \\((.*)\\)$", "$1")
                + ", "
                + m.path("detail").asText());
  }

  private static String finetuning() throws IOException {
    StringBuilder out =
        new StringBuilder("| | PSNR start | plain | EQ | EQ − plain, dB | " + ERRORS + "\n");
    out.append("|---|---|---|---|---|---|---|---|---|\n");
    for (String[] row :
        new String[][] {
          {"AutoencoderKL", "kl", ""}, {"VQ-GAN", "vq", ""}, {"VQ-GAN", "vq-long", ", 2000 steps"}
        }) {
      for (int seed = 0; seed < 2; seed++) {
        JsonNode r = record("finetune-" + row[1] + "-seed-" + seed);
        double plain = r.at("/plain/psnr").doubleValue();
        double eq = r.at("/eq/psnr").doubleValue();
        out.append(f("| %s, seed %d%s |", row[0], seed, row[2]));
        out.append(f(" %.2f | %.2f |", r.at("/start/psnr").doubleValue(), plain));
        out.append(f(" %.2f | %+.2f |", eq, eq - plain)).append(errors(r)).append('\n');
      }
    }
    return out.toString();
  }

  /** Generators after their training, as they start, and real pictures with shuffled pixels. */
  private static String generators() throws IOException {
    StringBuilder out = new StringBuilder("| samples | distance | precision | recall |\n");
    out.append("|---|---|---|---|\n");
    for (String[] row :
        new String[][] {
          {"dit-small", "dit"},
          {"sit-small", "sit"},
          {"dit-small with epsilon and linear, as published", "dit-epsilon"},
          {"dit-small before its training", "dit-start"},
          {"sit-small before its training", "sit-start"},
          {"real pictures, pixels shuffled", "shuffled"}
        }) {
      JsonNode r = record("generators-" + row[1]);
      out.append(f("| %s | %.1f |", row[0], r.path("frechet_distance").doubleValue()));
      out.append(f(" %.3f |", r.path("precision").doubleValue()));
      out.append(f(" %.3f |\n", r.path("recall").doubleValue()));
    }
    return out.toString();
  }

  /** Training made the samples of both networks at least twice as good as no training. */
  @Test
  void trainedGeneratorsAreAtMostHalfAsFar() throws IOException {
    for (String kind : List.of("dit", "sit")) {
      double trained = distance(kind);
      assertTrue(trained <= 0.5 * distance(kind + "-start"), kind + ": " + trained);
      assertTrue(trained <= 0.5 * distance("shuffled"), kind + ": " + trained);
    }
  }

  private static double distance(String name) throws IOException {
    JsonNode distance = record("generators-" + name).path("frechet_distance");
    assertTrue(distance.isNumber(), name);
    return distance.doubleValue();
  }

  /** Columns of {@link #latents}. */
  private static final String LATENTS =
      " PSNR plain → EQ | rotation error | scale error | high-frequency share |"
          + " intrinsic dimension |\n|---|---|---|---|---|---|\n";

  /** What a pair of autoencoders is like. */
  private static String latents(JsonNode plain, JsonNode eq) {
    return both(plain, eq, "psnr", "%.1f")
        + both(plain, eq, "rotation_error", "%.2f")
        + both(plain, eq, "scale_error", "%.2f")
        + both(plain, eq, "high_frequency_share", "%.2f")
        + both(plain, eq, "intrinsic_dimension", "%.1f")
        + "\n";
  }

  /** What each seed's autoencoders are like, and how soon generators learned their latents. */
  private static String experiment() throws IOException {
    Set<String> latents = new LinkedHashSet<>(); // two records of a seed have the same
    Set<String> floors = new LinkedHashSet<>();
    StringBuilder whole = new StringBuilder("| generator | distance plain → EQ |" + MEASURED);
    StringBuilder above = new StringBuilder("| generator | above real latents |" + MEASURED);
    for (String name : RecordedPair.experiments()) {
      JsonNode r = record(name);
      String seed = ", seed " + r.path("seed").asInt() + " |";
      for (String prefix : List.of("", "vq_")) {
        if (r.has(prefix + "plain")) {
          latents.add(
              "| "
                  + autoencoders(prefix.isEmpty())
                  + seed
                  + latents(r.path(prefix + "plain"), r.path(prefix + "eq")));
        }
      }
      for (java.util.Map.Entry<String, JsonNode> run : r.path("runs").properties()) {
        JsonNode plain = run.getValue().path("plain");
        JsonNode eq = run.getValue().path("eq");
        StringBuilder floor = new StringBuilder("| ");
        floor.append(autoencoders(!run.getKey().equals("maskgit"))).append(seed);
        List<RecordedPair> pairs = new ArrayList<>();
        List<RecordedPair> pairsAbove = new ArrayList<>();
        for (String key : DISTANCES) {
          String real = key + GeneratorsDemo.OF_REAL_LATENTS;
          floor.append(both(plain, eq, real, "%.2f"));
          RecordedPair pair = RecordedPair.of(run.getValue(), key);
          pairs.add(pair);
          pairsAbove.add(pair.above(plain.path(real).doubleValue(), eq.path(real).doubleValue()));
        }
        floors.add(floor.append('\n').toString());
        String kind = GeneratorsDemoReport.NAMES.get(run.getKey());
        double steps = pairs.getFirst().plain().lastStep();
        String row = f("| %s, %,.0f steps%s", kind, steps, seed);
        whole.append(row).append(measured(pairs));
        above.append(row).append(measured(pairsAbove));
      }
    }
    return "| autoencoders |"
        + LATENTS
        + String.join("", latents)
        + "\n| real latents, decoded | distance plain → EQ | second | third |\n|---|---|---|---|\n"
        + String.join("", floors)
        + "\n"
        + whole
        + "\n"
        + above;
  }

  private static final String MEASURED =
      " second | third | EQ's steps to the plain run's end | second |\n|---|---|---|---|---|---|\n";

  /** The last distances, and when EQ reached plain's: the third was measured at the end only. */
  private static String measured(List<RecordedPair> pairs) {
    StringBuilder out = new StringBuilder();
    for (RecordedPair pair : pairs) {
      out.append(f(" %.2f → %.2f |", pair.plain().last(), pair.eq().last()));
    }
    for (RecordedPair pair : pairs) {
      if (pair.isWhole()) {
        out.append(
            pair.share().isPresent()
                ? f(" %.2f× |", pair.share().getAsDouble())
                : " not reached |");
      }
    }
    return out.append('\n').toString();
  }

  private static String autoencoders(boolean continuous) {
    return continuous ? "AutoencoderKL" : "VQ-GAN, for MaskGIT";
  }

  /** What the same error in the latents costs in the decoded pictures. */
  private static String noise() throws IOException {
    StringBuilder out = new StringBuilder("| decoder of | low frequencies | high frequencies |\n");
    out.append("|---|---|---|\n");
    ObjectMapper json = new ObjectMapper();
    for (String line : Files.readAllLines(ROOT.resolve("docs/results/noise-decoders.jsonl"))) {
      JsonNode r = json.readTree(line);
      String model = r.path("model").asText(); // seed-0/autoencoders/plain
      out.append(
          f(
              "| %s, seed %s | %.1f dB | %.1f dB |\n",
              model.endsWith("/eq") ? "EQ" : "plain",
              model.replaceAll("^seed-([0-9]+)/.*", "$1"),
              r.path("psnr_low").doubleValue(),
              r.path("psnr_high").doubleValue()));
    }
    return out.toString();
  }

  /** Autoencoders that generators were tried on, one seed each, and what came out. */
  private static String tried() throws IOException {
    StringBuilder latents = new StringBuilder("| autoencoders |").append(LATENTS);
    StringBuilder out = new StringBuilder("| generator on | distance plain → EQ |");
    out.append(" EQ's steps to the plain run's end |\n|---|---|---|\n");
    ObjectMapper json = new ObjectMapper();
    Path file = ROOT.resolve("docs/results/exploration-generators.jsonl");
    for (String line : Files.readAllLines(file)) {
      JsonNode r = json.readTree(line);
      String what = f("| %s |", r.path("what").asText());
      latents.append(what).append(latents(r.path("plain"), r.path("eq")));
      out.append(what).append(both(r.path("plain"), r.path("eq"), "frechet_distance", "%.2f"));
      double steps = r.path("generator_settings").path("run.steps").doubleValue();
      JsonNode reached = r.path("eq_steps_to_plain_end");
      out.append(
          reached.isNumber() ? f(" %.2f× |\n", reached.doubleValue() / steps) : " not reached |\n");
    }
    return latents.append('\n').append(out).toString();
  }

  /** EQ's parts, one at a time: autoencoders, and a DiT that learned the latents of each. */
  private static String ablation() throws IOException {
    StringBuilder latents = new StringBuilder("| EQ's transform | PSNR | rotation error |");
    latents.append(" scale error | high-frequency share | intrinsic dimension |\n");
    latents.append("|---|---|---|---|---|---|\n");
    StringBuilder out = new StringBuilder("| EQ's transform | DiT's distance |");
    out.append(" of a second classifier |\n|---|---|---|\n");
    ObjectMapper json = new ObjectMapper();
    for (String line : Files.readAllLines(ROOT.resolve("docs/results/ablation-seed-0.jsonl"))) {
      JsonNode r = json.readTree(line);
      JsonNode vae = r.path("autoencoder");
      JsonNode last = r.path("validations").get(r.path("validations").size() - 1);
      String what = f("| %s |", r.path("what").asText());
      latents.append(what).append(f(" %.2f |", vae.path("psnr").doubleValue()));
      latents.append(f(" %.3f |", vae.path("rotation_error").doubleValue()));
      latents.append(f(" %.3f |", vae.path("scale_error").doubleValue()));
      latents.append(f(" %.3f |", vae.at("/latent/high_frequency_share").doubleValue()));
      latents.append(f(" %.1f |\n", vae.at("/latent/intrinsic_dimension").doubleValue()));
      out.append(what).append(f(" %.2f |", last.path("frechet_distance").doubleValue()));
      out.append(f(" %.2f |\n", last.path("frechet_distance_2").doubleValue()));
    }
    return latents.append('\n').append(out).toString();
  }

  private static String both(JsonNode plain, JsonNode eq, String key, String format) {
    double before = plain.path(key).doubleValue();
    return f(" " + format + " → " + format + " |", before, eq.path(key).doubleValue());
  }

  private static String table(String what) {
    try {
      return switch (what) {
        case "demo", "photos" -> seeds(what);
        case "finetune" -> finetuning();
        case "generators" -> generators();
        case "experiment" -> experiment();
        case "exploration" -> tried();
        case "ablation" -> ablation();
        case "noise" -> noise();
        default -> throw new AssertionError("no table is made of docs/results/" + what);
      };
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** A wider table is not read, and not shown whole beside GitHub's list of files. */
  @Test
  void tablesOfTheExperimentAreNarrow() throws IOException {
    for (String line : Files.readAllLines(ROOT.resolve("docs/experiment.md"))) {
      assertTrue(!line.startsWith("|") || line.split("\\|").length - 1 <= MOST_COLUMNS, line);
    }
  }

  @Test
  void tablesAreThoseOfTheRecords() throws IOException {
    Set<String> shown = new LinkedHashSet<>();
    for (String name :
        List.of("README.md", "docs/demo.md", "docs/generators.md", "docs/experiment.md")) {
      Path file = ROOT.resolve(name);
      String text = Files.readString(file);
      if (Boolean.getBoolean("eqvae.tables.write")) {
        text =
            TABLE
                .matcher(text)
                .replaceAll(
                    m ->
                        java.util.regex.Matcher.quoteReplacement(
                            m.group().substring(0, m.start(2) - m.start())
                                + table(m.group(1))
                                + m.group().substring(m.end(2) - m.start())));
        Files.writeString(file, text);
      }
      for (MatchResult m : TABLE.matcher(text).results().toList()) {
        assertEquals(table(m.group(1)), m.group(2), name + ": -Deqvae.tables.write=true mends it");
        shown.add(m.group(1));
      }
    }
    assertEquals(
        Set.of(
            "demo",
            "photos",
            "finetune",
            "generators",
            "experiment",
            "exploration",
            "ablation",
            "noise"),
        shown);
  }
}
