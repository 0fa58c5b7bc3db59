package io.github.eqvae.train.autoencoder;

import io.github.eqvae.eval.Extractor;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Section {@code evaluation}: what is measured on held-out images.
 *
 * @param images largest number of held-out images that are used; default {@code data.validation}
 *     (512 when that is 0). Source: ours: all of them; paper: 50,000 of ImageNet's validation
 * @param angles rotations, in degrees, of the equivariance error; default 90, 180, 270. Source:
 *     paper, table 1
 * @param scales scale factors of the equivariance error, in (0, 1); default 0.25, 0.5, 0.75.
 *     Source: paper, table 1
 * @param batch images per batch; default 16. Source: ours: needs little memory
 * @param inceptionWeights {@code inception_weights}: file with pytorch-fid's Inception-v3, for the
 *     rFID; default none: there is no rFID. See docs/rfid.md. Source: ours: the weights are not
 *     included
 * @param classifiers {@code model.safetensors} of runs with {@code task: classifier}: how far
 *     reconstructions are from the images on their features, {@code
 *     frechet_distance_of_reconstructions}; of the second {@code
 *     frechet_distance_2_of_reconstructions}; default none. Source: ours: none is included
 * @param dinov2Weights {@code dinov2_weights}: file with DINOv2, for {@code
 *     fd_dinov2_of_reconstructions}; default none. Source: ours: the weights are not included
 * @param ssim which variant of SSIM: {@code scikit_image} leaves borders out; {@code torchmetrics}
 *     counts them, as torchmetrics from 1.4.2 on; {@code released} is the call in the released
 *     evaluation, which also takes the range of values from each pair of images; default {@code
 *     scikit_image}. Source: ours: equal to torchmetrics 0.6.0, which the released training pins
 */
public record EvaluationRecipe(
    int images,
    List<Integer> angles,
    List<Double> scales,
    int batch,
    Optional<Path> inceptionWeights,
    List<Path> classifiers,
    Optional<Path> dinov2Weights,
    Ssim.Variant ssim) {
  /** Held-out images that a training looks at on its way, at most. */
  public static final int VALIDATION_IMAGES = 128;

  /** Copies the lists. Values are checked when the {@link AutoencoderRecipe} is made. */
  public EvaluationRecipe {
    angles = List.copyOf(angles);
    scales = List.copyOf(scales);
    classifiers = List.copyOf(classifiers);
  }

  /** Images that are ever measured at once. */
  int largestBatch() {
    return Math.min(batch, Math.max(images, VALIDATION_IMAGES));
  }

  static EvaluationRecipe read(RecipeFields in, DataRecipe data) {
    int images = data.validation() == 0 ? 512 : data.validation();
    return new EvaluationRecipe(
        in.integer("images", images, 1, Integer.MAX_VALUE),
        in.integers("angles", List.of(90, 180, 270), 90, 270, 3),
        in.numbers("scales", List.of(0.25, 0.5, 0.75), new Range(0, false, 1, false), 32),
        in.integer("batch", 16, 1, 65_536),
        in.optionalPath("inception_weights"),
        in.paths("classifiers", ReconstructionDistances.MOST_CLASSIFIERS),
        in.optionalPath("dinov2_weights"),
        in.choice("ssim", Ssim.Variant.SCIKIT_IMAGE));
  }

  /**
   * The networks whose features of images and of reconstructions are compared.
   *
   * @param note told why there is no rFID
   */
  List<Extractor> extractors(Consumer<String> note) {
    return ReconstructionDistances.extractors(inceptionWeights, classifiers, dinov2Weights, note);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("images", images);
    map.put("angles", angles);
    map.put("scales", scales);
    map.put("batch", batch);
    map.put("inception_weights", inceptionWeights.map(Path::toString));
    map.put("classifiers", classifiers.stream().map(Path::toString).toList());
    map.put("dinov2_weights", dinov2Weights.map(Path::toString));
    map.put("ssim", RecipeFields.name(ssim));
    return map;
  }
}
