package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.train.report.LearningCurve;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** The recorded curves of a generator on plain and on EQ latents. */
record RecordedPair(LearningCurve plain, LearningCurve eq) {
  private static final Path RESULTS =
      Path.of(System.getProperty("eqvae.root")).resolve("docs/results");

  /** Of a run in a record of {@code demo generators}; the key is that of the distance. */
  static RecordedPair of(JsonNode run, String key) {
    return new RecordedPair(curve(run.path("plain"), key), curve(run.path("eq"), key));
  }

  /**
   * The names of the records of docs/record-experiment.sh, one or two for each seed: MaskGIT, which
   * trains for fewer steps, has its own.
   */
  static List<String> experiments() {
    List<String> names = new ArrayList<>();
    for (String part : List.of("experiment", "experiment-maskgit")) {
      for (int seed = 0; there(part + "-seed-" + seed); seed++) {
        names.add(part + "-seed-" + seed);
      }
    }
    return names;
  }

  private static boolean there(String name) {
    return Files.exists(RESULTS.resolve(name + ".json"));
  }

  private static LearningCurve curve(JsonNode run, String key) {
    JsonNode own = run.path(key + "_steps"); // of a distance that was named when the run went on
    return new LearningCurve(
        numbers(own.isArray() ? own : run.path("steps")), numbers(run.path(key)));
  }

  private static double[] numbers(JsonNode list) {
    double[] out = new double[list.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = list.get(i).doubleValue();
    }
    return out;
  }

  /**
   * What the distances have beyond those of decoded real latents, which no generator can lower.
   *
   * @param plain the distance of real latents, decoded by the plain autoencoder
   * @param eq the same by the EQ autoencoder
   */
  RecordedPair above(double plain, double eq) {
    return new RecordedPair(above(this.plain, plain), above(this.eq, eq));
  }

  private static LearningCurve above(LearningCurve curve, double floor) {
    return new LearningCurve(
        curve.steps(), Arrays.stream(curve.values()).map(v -> v - floor).toArray());
  }

  /** Whether it was measured on the way, and not only at the end. */
  boolean isWhole() {
    return Math.min(plain.steps().length, eq.steps().length) > 1;
  }

  /** The steps on EQ latents to the plain run's last distance. */
  OptionalDouble steps() {
    return eq.stepsTo(plain.last());
  }

  /** These as a part of the plain run's steps. */
  OptionalDouble share() {
    OptionalDouble sooner = plain.speedUp(eq);
    return sooner.isPresent() ? OptionalDouble.of(1 / sooner.getAsDouble()) : sooner;
  }
}
