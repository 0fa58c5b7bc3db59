package io.github.eqvae.eval;

import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Metrics of generated images compared with real ones, by one {@link Protocol}.
 *
 * @param values metrics by name. ADM's protocol: {@code fid}, {@code sfid}, {@code
 *     inception_score}, {@code precision}, {@code recall} and {@code kid}; pytorch-fid's: {@code
 *     fid}; DINOv2's: {@code fd_dinov2}; a classifier's: {@code frechet_distance}, {@code
 *     classifier_score}, {@code precision}, {@code recall} and {@code kernel_distance}. Each
 *     Fréchet distance also has a {@code …_residual}, each mean a {@code …_deviation}
 * @param leftOut the reasons for metrics of the protocol that are missing, by name
 */
public record GeneratedFigures(Map<String, Double> values, Map<String, String> leftOut) {
  /** Number of subsets for the kernel distance. */
  public static final int SUBSETS = 100;

  /** Images in a subset, or all images if there are fewer. */
  public static final int SUBSET = 1000;

  /** Seed for the choice of the subsets. */
  public static final long SEED = 2020;

  /**
   * Computes all metrics of the protocol.
   *
   * @param protocol the protocol
   * @param generated generated images, or their statistics
   * @param reference real images, or their statistics
   * @param stream computes products of features
   * @return the metrics
   * @throws IOException when features cannot be written
   */
  public static GeneratedFigures of(
      Protocol protocol, FeatureSet generated, FeatureSet reference, Stream stream)
      throws IOException {
    GeneratedFigures f = new GeneratedFigures(new LinkedHashMap<>(), new LinkedHashMap<>());
    f.distance(protocol.key(), generated.pooled().compare(reference.pooled()));
    if (!protocol.isFamily()) {
      return f;
    }
    boolean inception = protocol == Protocol.ADM;
    if (inception) {
      f.spatial(generated.spatial(), reference.spatial());
    }
    f.score(inception ? "inception_score" : "classifier_score", generated.score());
    String kernel = inception ? "kid" : "kernel_distance";
    Optional<FeatureRows> ours = generated.features();
    Optional<FeatureRows> theirs = reference.features();
    if (ours.isEmpty() || theirs.isEmpty()) {
      String why =
          "the "
              + (theirs.isEmpty() ? "reference is" : "samples are")
              + " statistics only; this metric needs images";
      f.leftOut.put("precision", why);
      f.leftOut.put("recall", why);
      f.leftOut.put(kernel, why);
      return f;
    }
    f.neighbours(ours.get(), theirs.get(), stream);
    f.kernel(kernel, ours.get(), theirs.get());
    return f;
  }

  private void distance(String key, FrechetDistance.Result result) {
    values.put(key, result.distance());
    values.put(key + "_residual", result.residual());
  }

  private void mean(String key, MeanDeviation value) {
    values.put(key, value.mean());
    values.put(key + "_deviation", value.deviation());
  }

  private void spatial(
      Optional<GaussianStatistics> generated, Optional<GaussianStatistics> reference) {
    if (generated.isPresent() && reference.isPresent()) {
      distance("sfid", generated.get().compare(reference.get()));
    } else {
      leftOut.put("sfid", "a file of statistics has no spatial ones (mu_s, sigma_s)");
    }
  }

  private void score(String key, Optional<MeanDeviation> score) {
    score.ifPresentOrElse(
        s -> mean(key, s),
        () -> leftOut.put(key, "the samples are statistics only; this metric needs images"));
  }

  private void neighbours(FeatureRows generated, FeatureRows reference, Stream stream) {
    int k = PrecisionRecall.NEIGHBOURS;
    if (Math.min(generated.rows(), reference.rows()) <= k) {
      String why = "it needs more than " + k + " images in each set";
      leftOut.put("precision", why);
      leftOut.put("recall", why);
      return;
    }
    PrecisionRecall.Value value = PrecisionRecall.of(reference, generated, k, stream);
    values.put("precision", value.precision());
    values.put("recall", value.recall());
  }

  private void kernel(String key, FeatureRows generated, FeatureRows reference) {
    if (Math.min(generated.rows(), reference.rows()) < 2) {
      leftOut.put(key, "it needs at least 2 images in each set");
      return;
    }
    mean(key, KernelDistance.of(generated, reference, SUBSETS, SUBSET, SEED));
  }
}
