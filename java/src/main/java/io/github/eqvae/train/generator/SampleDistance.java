package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.eval.Extractor;
import io.github.eqvae.eval.FeatureSet;
import io.github.eqvae.eval.GaussianStatistics;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.eval.ImageSet;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.io.Image;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.run.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * How far a network's samples are from real images while it trains: the Fréchet distance of
 * features, as {@code eqvae evaluate} measures it at the end.
 */
final class SampleDistance {
  private static final int BATCH = 64;

  /** Makes the samples that are measured. */
  @FunctionalInterface
  interface Samples {
    /** Pictures of the weights that are in place. */
    List<Image> images() throws IOException;
  }

  /** Pictures that the decoder makes of the data's own latents. */
  private static final String REAL = "real latents";

  private final DistanceRecipe recipe;
  private final List<Extractor> extractors;

  /** The same networks, which name the distances of real latents. */
  private final List<Extractor> ofReal;

  private final BiConsumer<String, String> onSkip;

  /** The statistics of the real images, once they have been measured. */
  private final Map<Path, GaussianStatistics> real = new HashMap<>();

  private Map<String, Double> ofRealLatents = Map.of();
  private int realLatents;

  /**
   * Says what will be measured.
   *
   * @param recipe the section
   * @param autoencoder the autoencoder that decodes samples, if there is one
   * @param onSkip told name and cause of each real image that cannot be read
   */
  SampleDistance(
      DistanceRecipe recipe, LatentsAutoencoder autoencoder, BiConsumer<String, String> onSkip) {
    this.recipe = recipe;
    this.onSkip = onSkip;
    extractors = extractors(recipe);
    ofReal = extractors.stream().map(e -> e.distanceOf(REAL)).toList();
    if (recipe.isMeasured()) {
      if (autoencoder.path().isEmpty()) {
        throw new EqvaeException.Argument(
            "a distance to real images needs the autoencoder that decodes samples"
                + autoencoder.whyAbsent()
                + ": name it with samples.autoencoder, or leave distance.reference out");
      }
      requireThere("reference", recipe.reference().orElseThrow());
      extractors.forEach(e -> requireThere(section(e), e.file()));
    }
  }

  /** Loads each network once, for the same reason. */
  void check(Stream stream) throws IOException {
    for (Extractor extractor : recipe.isMeasured() ? extractors : List.<Extractor>of()) {
      extractor.load(stream).close();
    }
  }

  /** The recipe's key that names a network. */
  private static String section(Extractor extractor) {
    return extractor.protocol() == Protocol.ADM ? "inception_weights" : "classifiers";
  }

  /** A wrong path must be reported before hours of training, not at the first validation. */
  private static void requireThere(String key, Path file) {
    if (!Files.exists(file)) {
      throw new EqvaeException.Argument("distance." + key + ": there is no file or folder " + file);
    }
  }

  private static List<Extractor> extractors(DistanceRecipe recipe) {
    List<Extractor> all = new ArrayList<>(Extractor.classifiers(recipe.classifiers()));
    recipe.inceptionWeights().ifPresent(file -> all.add(Extractor.of(Protocol.ADM, file)));
    return all;
  }

  /** The distances' names in the log; empty if nothing is measured. */
  List<String> keys() {
    return recipe.isMeasured() ? extractors.stream().map(Extractor::key).toList() : List.of();
  }

  /** The names of the distances of real latents in the log; empty if nothing is measured. */
  List<String> keysOfRealLatents() {
    return recipe.isMeasured() ? ofReal.stream().map(Extractor::key).toList() : List.of();
  }

  /** The metrics by which the best model can be chosen. */
  List<Workload.Metric> metrics() {
    return keys().stream().map(key -> new Workload.Metric(key, key, false)).toList();
  }

  /**
   * How the distances were measured, for programs.
   *
   * @param sampler the name of the method that makes the samples
   * @return values by name; empty if nothing is measured
   * @throws IOException when a network's file cannot be read
   */
  Map<String, Object> facts(String sampler) throws IOException {
    if (!recipe.isMeasured()) {
      return Map.of();
    }
    List<Map<String, Object>> networks = new ArrayList<>();
    for (Extractor extractor : extractors) {
      networks.add(extractor.facts(extractor.sha256()));
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("reference", recipe.reference().orElseThrow().toString());
    map.put("count", recipe.count());
    map.put("real_latents", realLatents);
    map.put("sampler", sampler);
    map.put("steps", recipe.steps());
    map.put("guidance", recipe.guidance());
    map.put("extractors", networks);
    return map;
  }

  /** The last distances for people, a line each. */
  String text(Map<String, Double> measured) {
    StringBuilder text = new StringBuilder();
    for (String key : keys()) {
      text.append(
          String.format(
              Locale.ROOT, "%s %.4f, of %,d samples%n", key, measured.get(key), recipe.count()));
    }
    for (String key : ofRealLatents.keySet()) {
      text.append(
          String.format(
              Locale.ROOT, "%s %.4f, of %,d%n", key, ofRealLatents.get(key), realLatents));
    }
    return text.toString();
  }

  /**
   * Makes samples and measures them.
   *
   * @param samples makes them; not called if nothing is measured
   * @param stream orders the work of the networks whose features are compared
   * @return distance by its name
   */
  Map<String, Double> measure(Samples samples, Stream stream) throws IOException {
    return keys().isEmpty() ? Map.of() : measure(extractors, samples.images(), stream);
  }

  /**
   * Measures as many decoded latents of the data as samples are measured: the part of a distance
   * that is the decoder's loss and the small count's. It does not change while the network learns,
   * so it is measured once.
   *
   * @param decoded makes them; not called if nothing is measured, or if it was measured before
   * @param stream orders the work of the networks whose features are compared
   * @return distance by its name; empty with fewer than two latents
   */
  Map<String, Double> measureRealLatents(Samples decoded, Stream stream) throws IOException {
    if (!keys().isEmpty() && ofRealLatents.isEmpty()) {
      List<Image> images = decoded.images();
      realLatents = images.size();
      ofRealLatents = realLatents < 2 ? Map.of() : measure(ofReal, images, stream);
    }
    return ofRealLatents;
  }

  private Map<String, Double> measure(List<Extractor> by, List<Image> images, Stream stream)
      throws IOException {
    Map<String, Double> values = new LinkedHashMap<>();
    for (Extractor extractor : by) {
      try (ImageFeatures features = extractor.load(stream)) {
        GaussianStatistics reference = reference(extractor, features);
        values.put(extractor.key(), generated(features, images).compare(reference).distance());
      }
    }
    return values;
  }

  private static GaussianStatistics generated(ImageFeatures features, List<Image> images)
      throws IOException {
    try (FeatureSet set = new FeatureSet(features, BATCH)) {
      for (Image image : images) {
        set.add(image);
      }
      return set.pooled();
    }
  }

  private GaussianStatistics reference(Extractor extractor, ImageFeatures features)
      throws IOException {
    GaussianStatistics known = real.get(extractor.file());
    if (known != null) {
      return known;
    }
    ImageSet images = new ImageSet(recipe.reference().orElseThrow());
    String hash = extractor.sha256();
    try (FeatureSet set = images.measure(features, hash, image -> {}, onSkip, count -> {})) {
      real.put(extractor.file(), set.pooled());
      return set.pooled();
    }
  }
}
