package io.github.eqvae.train.autoencoder;

import io.github.eqvae.eval.Ssim;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
    Ssim.Variant ssim) {
  /** Held-out images that a training looks at on its way, at most. */
  public static final int VALIDATION_IMAGES = 128;

  /** Copies the lists. Values are checked when the {@link AutoencoderRecipe} is made. */
  public EvaluationRecipe {
    angles = List.copyOf(angles);
    scales = List.copyOf(scales);
  }

  static EvaluationRecipe read(RecipeFields in, DataRecipe data) {
    int images = data.validation() == 0 ? 512 : data.validation();
    return new EvaluationRecipe(
        in.integer("images", images, 1, Integer.MAX_VALUE),
        in.integers("angles", List.of(90, 180, 270), 90, 270, 3),
        in.numbers("scales", List.of(0.25, 0.5, 0.75), new Range(0, false, 1, false), 32),
        in.integer("batch", 16, 1, 65_536),
        in.optionalPath("inception_weights"),
        in.choice("ssim", Ssim.Variant.SCIKIT_IMAGE));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("images", images);
    map.put("angles", angles);
    map.put("scales", scales);
    map.put("batch", batch);
    map.put("inception_weights", inceptionWeights.map(Path::toString));
    map.put("ssim", RecipeFields.name(ssim));
    return map;
  }
}
