package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.train.report.LearningCurve;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The results of {@code demo generators}, read from the folders of its runs.
 *
 * @param seed of all trainings
 * @param autoencoders metrics of each autoencoder: {@code plain} and {@code eq}, and with codes
 *     {@code vq_plain} and {@code vq_eq}
 * @param pairs the two runs of each kind of generator
 */
record GeneratorsDemo(long seed, Map<String, JsonNode> autoencoders, List<Pair> pairs) {
  /** The format of the record. */
  static final String FORMAT = "eqvae-demo-generators";

  /** The folder of the autoencoders' demo. */
  static final String AUTOENCODERS = "autoencoders";

  /** The folder of the autoencoders with codes. */
  static final String VQ_AUTOENCODERS = "autoencoders-vq";

  /**
   * The distances: of two convolutional classifiers and of a vision transformer, which runs of
   * earlier versions lack.
   */
  static final List<String> DISTANCES =
      List.of("frechet_distance", "frechet_distance_2", "frechet_distance_3");

  /** What follows their names where they are those of decoded real latents. */
  static final String OF_REAL_LATENTS = "_of_real_latents";

  /**
   * A metric of an autoencoder: its name in the record, and its path in {@code evaluation.json}.
   */
  private static final Map<String, String> FIGURES = new LinkedHashMap<>();

  static {
    FIGURES.put("psnr", "/psnr");
    FIGURES.put("ssim", "/ssim");
    FIGURES.put("rotation_error", "/rotation_error");
    FIGURES.put("scale_error", "/scale_error");
    FIGURES.put("high_frequency_share", "/latent/high_frequency_share");
    FIGURES.put("intrinsic_dimension", "/latent/intrinsic_dimension");
  }

  /**
   * A generator trained on plain and on EQ latents.
   *
   * @param kind such as {@code sit}
   * @param plain the curve of each distance that was measured, on plain latents
   * @param eq the same on EQ latents
   * @param results {@code evaluation.json} of either
   */
  record Pair(
      String kind,
      List<LearningCurve> plain,
      List<LearningCurve> eq,
      Map<String, JsonNode> results) {
    /**
     * The distance that counts: with REPA not that of the classifier to whose features it aligns.
     */
    int headline() {
      return headline(kind);
    }

    static int headline(String kind) {
      return kind.equals(DemoGeneratorsCommand.REPA) ? 1 : 0;
    }

    /** The number of distances that both runs have. */
    int distances() {
      return Math.min(plain.size(), eq.size());
    }

    /**
     * How much sooner the run on EQ latents reaches the final distance of the run on plain latents.
     */
    OptionalDouble speedUp(int distance) {
      return plain.get(distance).speedUp(eq.get(distance));
    }
  }

  static GeneratorsDemo read(Path folder, List<String> kinds, long seed) throws IOException {
    Map<String, JsonNode> autoencoders = new LinkedHashMap<>();
    for (String place : List.of(AUTOENCODERS, VQ_AUTOENCODERS)) {
      for (String model : DemoGeneratorsCommand.MODELS) {
        Path file = new RunFolder(folder.resolve(place).resolve(model)).evaluation();
        if (Files.exists(file)) {
          String prefix = place.equals(AUTOENCODERS) ? "" : "vq_";
          autoencoders.put(prefix + model, ResultFile.read(file));
        }
      }
    }
    List<Pair> pairs = new ArrayList<>();
    for (String kind : kinds) {
      Path plain = folder.resolve(kind + "-plain");
      Path eq = folder.resolve(kind + "-eq");
      Map<String, JsonNode> results = new LinkedHashMap<>();
      results.put("plain", ResultFile.read(new RunFolder(plain).evaluation()));
      results.put("eq", ResultFile.read(new RunFolder(eq).evaluation()));
      pairs.add(new Pair(kind, curves(plain), curves(eq), results));
    }
    return new GeneratorsDemo(seed, autoencoders, pairs);
  }

  private static List<LearningCurve> curves(Path run) throws IOException {
    List<LearningCurve> curves = new ArrayList<>();
    JsonNode end = ResultFile.read(new RunFolder(run).evaluation());
    for (String key : DISTANCES) {
      Optional<LearningCurve> curve = LearningCurve.find(new RunFolder(run).metrics(), key);
      if (curve.isEmpty()
          && end.path(key).isNumber()) { // its network was named after the last step
        double[] step = {end.path("step").doubleValue()};
        curve = Optional.of(new LearningCurve(step, new double[] {end.path(key).doubleValue()}));
      }
      curve.ifPresent(curves::add);
    }
    return curves;
  }

  /** The record as JSON. */
  String json(double seconds) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    map.put("command", System.getProperty("eqvae.command", "eqvae demo generators"));
    map.put("machine", autoencoders.values().iterator().next().path("machine"));
    map.put("seed", seed);
    map.put("seconds", seconds);
    autoencoders.forEach((model, measured) -> map.put(model, figures(measured)));
    Map<String, Object> runs = new LinkedHashMap<>();
    for (Pair pair : pairs) {
      Map<String, Object> both = new LinkedHashMap<>();
      both.put("plain", values(pair.plain(), pair.results().get("plain")));
      both.put("eq", values(pair.eq(), pair.results().get("eq")));
      both.put("measured_distances", pair.results().get("plain").path("measured_distances"));
      for (int d = 0; d < pair.distances(); d++) {
        OptionalDouble steps = pair.eq().get(d).stepsTo(pair.plain().get(d).last());
        both.put(
            "eq_steps_to_plain_" + DISTANCES.get(d),
            steps.isPresent() ? steps.getAsDouble() : null);
      }
      runs.put(pair.kind(), both);
    }
    map.put("runs", runs);
    return ResultFile.text(FORMAT, map);
  }

  private static Map<String, Object> figures(JsonNode measured) {
    Map<String, Object> map = new LinkedHashMap<>();
    FIGURES.forEach(
        (name, at) -> {
          if (measured.at(at).isNumber()) {
            map.put(name, measured.at(at));
          }
        });
    return map;
  }

  private static Map<String, Object> values(List<LearningCurve> curves, JsonNode result) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("evaluator", result.path("evaluator"));
    map.put("autoencoder_sha256", result.path("autoencoder_sha256"));
    map.put("steps", curves.getFirst().steps());
    for (int d = 0; d < curves.size(); d++) {
      map.put(DISTANCES.get(d), curves.get(d).values());
      String ofReal = DISTANCES.get(d) + OF_REAL_LATENTS;
      if (result.path(ofReal).isNumber()) {
        map.put(ofReal, result.path(ofReal));
      }
      if (!Arrays.equals(curves.get(d).steps(), curves.getFirst().steps())) {
        map.put(DISTANCES.get(d) + "_steps", curves.get(d).steps()); // named when it went on
      }
    }
    return map;
  }

  /** The results as a table. */
  String text() {
    StringBuilder text = new StringBuilder();
    for (String prefix : List.of("", "vq_")) {
      JsonNode plain = autoencoders.get(prefix + "plain");
      JsonNode eq = autoencoders.get(prefix + "eq");
      if (plain != null && eq != null) {
        String name = prefix.isEmpty() ? "" : "VQ-GAN";
        text.append(line(name, "plain", "EQ", "EQ against plain"));
        FIGURES.forEach((figure, at) -> text.append(compared(figure, plain.at(at), eq.at(at))));
      }
    }
    for (Pair pair : pairs) {
      for (int d = 0; d < pair.distances(); d++) {
        OptionalDouble factor = pair.speedUp(d);
        text.append(
            line(
                pair.kind() + ", distance" + (d == 0 ? "" : " " + (d + 1)),
                number(pair.plain().get(d).last()),
                number(pair.eq().get(d).last()),
                factor.isPresent()
                    ? String.format(
                        Locale.ROOT, "plain's end in %.2f of its steps", 1 / factor.getAsDouble())
                    : "plain's end is not reached"));
      }
      for (String distance : DISTANCES) {
        JsonNode plain = pair.results().get("plain").path(distance + OF_REAL_LATENTS);
        JsonNode eq = pair.results().get("eq").path(distance + OF_REAL_LATENTS);
        if (plain.isNumber() && eq.isNumber()) {
          text.append(
              line(
                  pair.kind() + ", real latents",
                  number(plain.asDouble()),
                  number(eq.asDouble()),
                  distance));
        }
      }
    }
    return text.toString();
  }

  /** Formats a metric; codes have no spectrum, so theirs is left out. */
  private static String compared(String name, JsonNode plain, JsonNode eq) {
    return plain.isNumber() && eq.isNumber()
        ? line(
            name.replace('_', ' '),
            number(plain.asDouble()),
            number(eq.asDouble()),
            times(eq.asDouble() / plain.asDouble()))
        : "";
  }

  private static String line(String name, String plain, String eq, String compared) {
    return String.format(Locale.ROOT, "%-24s%10s%10s   %s%n", name, plain, eq, compared);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 1 ? "%.4f" : "%.2f", value);
  }

  private static String times(double ratio) {
    return String.format(Locale.ROOT, "%.2fx", ratio);
  }
}
