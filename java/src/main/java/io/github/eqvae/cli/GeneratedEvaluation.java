package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.eval.Extractor;
import io.github.eqvae.eval.FeatureSet;
import io.github.eqvae.eval.GeneratedFigures;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.eval.InceptionScore;
import io.github.eqvae.eval.PrecisionRecall;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.eval.StatisticsFile;
import io.github.eqvae.jobs.SampleJob;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code eqvae evaluate samples.npz --reference …}: how far generated images are from real ones.
 *
 * @param samples generated images
 * @param reference real images, or statistics of their features; empty if only statistics are
 *     written
 * @param weights weights of the network whose features are compared
 * @param protocol whose rules
 * @param statistics the file for the statistics of the samples
 * @param withImages whether that file also gets the images
 */
record GeneratedEvaluation(
    Path samples,
    Optional<Path> reference,
    Path weights,
    Protocol protocol,
    Optional<Path> statistics,
    boolean withImages) {
  /** The text for unknown values, so that a missing value is not read as a default. */
  static final String UNKNOWN = "unknown";

  /** The sampling settings in the record beside the samples. */
  private static final List<String> MADE =
      List.of("sampler", "steps", "guidance", "generator_sha256", "autoencoder_sha256");

  /** Measures the images; returns the metrics by name, nothing in ranks after the first. */
  Map<String, Object> measure(Device device, String version, SharedBatches shared, PrintWriter err)
      throws IOException {
    if (!shared.isFirst()) {
      help(device, shared, err);
      return Map.of();
    }
    Optional<JsonNode> made = SampleJob.read(new GeneratedImages(samples).made());
    Extractor extractor = Extractor.of(protocol, weights);
    String hash = extractor.sha256();
    try (Stream stream = new Stream(device);
        ImageFeatures features = extractor.load(stream);
        StatisticsOutput output = new StatisticsOutput(statistics.orElse(Path.of("")), withImages);
        FeatureSet generated =
            new GeneratedImages(samples).measure(features, hash, output, shared, device, err)) {
      Map<String, Object> map = head(version, features, hash);
      map.put("samples", samples.toString());
      map.put("images", count(generated));
      if (statistics.isPresent()) {
        StatisticsFile.Origin origin =
            new StatisticsFile.Origin(protocol.toString(), hash, generated.count());
        output.write(
            new StatisticsFile(generated.pooled(), generated.spatial(), Optional.of(origin)));
        map.put("statistics", statistics.get().toString());
      }
      if (reference.isPresent()) {
        compare(map, generated, features, hash, stream, shared, err);
      }
      describe(map, made, generated.count(), err);
      return map;
    }
  }

  /** Computes this rank's batches of features for the first rank. */
  private void help(Device device, SharedBatches shared, PrintWriter err) throws IOException {
    Extractor extractor = Extractor.of(protocol, weights);
    String hash = extractor.sha256();
    try (Stream stream = new Stream(device);
        ImageFeatures features = extractor.load(stream)) {
      for (Path set :
          reference.isPresent() ? List.of(samples, reference.get()) : List.of(samples)) {
        new GeneratedImages(set).measure(features, hash, image -> {}, shared, device, err).close();
      }
    }
  }

  /** The evaluator, the protocol, and the weights. */
  private Map<String, Object> head(String version, ImageFeatures features, String hash) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("evaluator", version);
    map.put("protocol", protocol.toString());
    map.put("protocol_of", protocol.source());
    map.put("input", protocol.input());
    if (protocol.isFamily()) {
      map.put("score_images_per_part", InceptionScore.ADM_PART);
      map.put("neighbours", PrecisionRecall.NEIGHBOURS);
      map.put("kernel_subsets", GeneratedFigures.SUBSETS);
      map.put("kernel_images_per_subset", GeneratedFigures.SUBSET);
      map.put("kernel_seed", GeneratedFigures.SEED);
    }
    map.put("extractor", features.name());
    map.put("extractor_file", weights.toString());
    map.put("extractor_sha256", hash);
    map.put("features", features.size());
    return map;
  }

  private static Object count(FeatureSet set) {
    return set.count() == 0 ? UNKNOWN : set.count();
  }

  private void compare(
      Map<String, Object> map,
      FeatureSet generated,
      ImageFeatures features,
      String hash,
      Stream stream,
      SharedBatches shared,
      PrintWriter err)
      throws IOException {
    Path real = reference.orElseThrow();
    try (FeatureSet set =
        new GeneratedImages(real)
            .measure(features, hash, image -> {}, shared, stream.device(), err)) {
      map.put("reference", real.toString());
      map.put("reference_images", count(set));
      map.put("reference_statistics", set.origin());
      GeneratedFigures figures = GeneratedFigures.of(protocol, generated, set, stream);
      map.putAll(figures.values());
      if (!figures.leftOut().isEmpty()) {
        map.put("left_out", figures.leftOut());
      }
    }
  }

  private void describe(
      Map<String, Object> map, Optional<JsonNode> made, long images, PrintWriter err) {
    for (String key : MADE) {
      // adaptive methods record no steps
      String missing = made.isPresent() && key.equals("steps") ? "by error control" : UNKNOWN;
      map.put(key, made.<Object>map(node -> node.get(key)).orElse(missing));
    }
    made.ifPresent(
        node -> {
          map.put("made", node);
          long said = node.path("count").asLong();
          if (images > 0 && said != images) {
            err.printf(
                "eqvae: warning: %s holds %d images, the record beside it says %d%n",
                samples, images, said);
            err.flush();
          }
        });
  }
}
