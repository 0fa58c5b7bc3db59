package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code objective}: the EQ-VAE loss and the transform τ it is equivariant to.
 *
 * <p>Defaults are what the released code does ({@code zelaki/eqvae:train_eqvae}), which is not
 * always what the paper (arXiv 2502.09509 v3) says; each difference is an option here. A step takes
 * one of three branches: with {@code equivariance_probability} the EQ branch (paper eq. 5: the
 * decoder must turn τ of the latent into τ of the image); otherwise, with {@code
 * low_resolution_prior_probability}, the plain loss on a down-scaled image (in the code, not in the
 * paper); otherwise the plain loss (eq. 1). The defaults give 50 %, 12.5 % and 37.5 %. For a plain
 * autoencoder set both probabilities to 0.
 *
 * @param equivarianceProbability {@code equivariance_probability}: share of steps in the EQ branch,
 *     in [0, 1]; default 0.5. This is {@code p_prior} of the released code. The paper's p_α is the
 *     probability of the <em>other</em> branches. Source: released: eqvae_config.yaml; paper: p_α =
 *     0.5
 * @param lowResolutionPriorProbability {@code low_resolution_prior_probability}: share of the
 *     remaining steps that use a down-scaled image ({@code p_prior_s}), in [0, 1]; default 0.25.
 *     Source: released: eqvae_config.yaml; not in the paper
 * @param scaling {@code isotropic}, {@code anisotropic} (paper, table 5) or {@code none}, with
 *     which the low-resolution branch keeps the full size, too; otherwise that branch is always
 *     isotropic; default {@code isotropic}. Source: released: eqvae_config.yaml
 * @param scaleSet {@code scale_set}: {@code discrete_32}, k/32 with k = 8 to 31; {@code quarters},
 *     the ¼, ½, ¾ of the released README; or {@code continuous}, the paper's eq. 6. A scaled latent
 *     has floor(side * scale) pixels, and the target image that number times the down-sampling
 *     factor; default {@code discrete_32}. Source: released: ldm/models/autoencoder.py
 * @param scaleMin {@code scale_min}: smallest continuous scale factor, inclusive; default 0.25.
 *     Source: paper, eq. 6
 * @param scaleMax {@code scale_max}: largest continuous scale factor, exclusive; default 1. Source:
 *     paper, eq. 6
 * @param rotations angles of τ, in degrees, drawn uniformly: a subset of 0, 90, 180, 270; default
 *     90, 180, 270. Source: released: ldm/models/autoencoder.py; paper, eq. 6
 * @param flips mirror images drawn by τ, each with probability one half; default {@code none}.
 *     Source: paper: there are none
 * @param interpolation how τ resizes latents and target images; default {@code bilinear}, without
 *     antialiasing. Source: released: ldm/models/autoencoder.py (the paper says bicubic)
 * @param draw {@code batch}: one τ for a batch; {@code sample}: one for each sample; default {@code
 *     batch}. Source: released: ldm/models/autoencoder.py
 * @param regularizer what is compared: {@code implicit}, decoded images, or {@code explicit},
 *     latents (paper, eq. 4); default {@code implicit}. Source: paper, eq. 5
 * @param explicitWeight {@code explicit_weight}: factor of the explicit loss; default 0.1. Source:
 *     paper, eq. 4
 * @param explicitStopGradient {@code explicit_stop_gradient}: no gradient into E(τ∘x); default
 *     false. Source: paper, eq. 4
 * @param discriminatorForward {@code discriminator_forward}: {@code separate}: the discriminator
 *     step has its own forward pass, τ and noise; {@code shared}: it uses those of the autoencoder;
 *     default {@code separate}. Source: released: two optimisers, two forward passes
 * @param lossNormalization {@code loss_normalization}: {@code released}, the sum over elements
 *     divided by the batch, or {@code per_element}, the mean; default {@code released} for {@code
 *     autoencoder_kl} and {@code per_element} for {@code vq}. Source: released: contperceptual.py;
 *     {@code vq}: taming, vqperceptual.py
 * @param pixelLoss {@code pixel_loss}: {@code l1} or {@code l2}; default {@code l1}. Source:
 *     released: contperceptual.py
 * @param perceptualWeight {@code perceptual_weight}: factor of LPIPS; default 1. Above 0 it needs
 *     {@code lpips_weights}. Source: released: contperceptual.py
 * @param lpipsWeights {@code lpips_weights}: file with the VGG16 and LPIPS weights (docs/lpips.md);
 *     default none. Source: ours: the weights are not included
 * @param logvarInit {@code logvar_init}: logarithm of the output variance by which the loss is
 *     divided; default 0. It is a constant: no optimiser trains it. Source: released:
 *     contperceptual.py
 * @param klWeight {@code kl_weight}: factor of the KL divergence of {@code autoencoder_kl}; default
 *     1e-6. Source: released: eqvae_config.yaml
 * @param codebookWeight {@code codebook_weight}: factor of the codebook loss of {@code vq}; default
 *     1. Source: taming: vqperceptual.py
 * @param translation largest shift by τ in each direction, in latent pixels; what leaves the frame
 *     is cut off; default 0. Source: released: there is none
 * @param blendProbability {@code blend_probability}: how often a sample of the EQ branch is mixed
 *     with k/16 of the next one of its batch, k = 1 to 8, in latents and images alike; default 0.
 *     Source: released: there is none
 * @param terms losses in addition to the released ones
 * @param gan the adversarial part
 */
public record ObjectiveRecipe(
    double equivarianceProbability,
    double lowResolutionPriorProbability,
    EqOptions.Scaling scaling,
    EqOptions.ScaleSet scaleSet,
    double scaleMin,
    double scaleMax,
    List<Integer> rotations,
    EqOptions.Flips flips,
    Interpolation interpolation,
    EqOptions.DrawPer draw,
    EqOptions.Regularizer regularizer,
    double explicitWeight,
    boolean explicitStopGradient,
    LossOptions.DiscriminatorForward discriminatorForward,
    LossOptions.Normalization lossNormalization,
    LossOptions.PixelLossKind pixelLoss,
    double perceptualWeight,
    Optional<Path> lpipsWeights,
    double logvarInit,
    double klWeight,
    double codebookWeight,
    int translation,
    double blendProbability,
    LossTermsRecipe terms,
    GanRecipe gan) {

  /** Copies the list. Values are checked when the {@link AutoencoderRecipe} is made. */
  public ObjectiveRecipe {
    rotations = List.copyOf(rotations);
  }

  /**
   * The part that says how τ is drawn and used.
   *
   * @return the options of the transform sampler and the regulariser
   */
  public EqOptions eqOptions() {
    return new EqOptions(
        equivarianceProbability,
        lowResolutionPriorProbability,
        scaling,
        scaleSet,
        scaleMin,
        scaleMax,
        rotations.stream().map(degrees -> degrees / 90).toList(),
        flips,
        interpolation,
        draw,
        regularizer,
        explicitWeight,
        explicitStopGradient,
        translation,
        blendProbability);
  }

  /**
   * The part that weighs the losses. Whether there is a discriminator at all is {@code
   * gan.enabled()}.
   *
   * @param model whose latent is regularised
   * @return the options of the losses
   */
  public LossOptions lossOptions(ModelRecipe.Kind model) {
    return new LossOptions(
        pixelLoss,
        perceptualWeight,
        logvarInit,
        model == ModelRecipe.Kind.VQ ? codebookWeight : klWeight,
        lossNormalization,
        gan.discWeight(),
        gan.discFactor(),
        gan.discStart(),
        gan.adaptiveWeight(),
        gan.adaptiveWeightMax(),
        gan.loss(),
        discriminatorForward,
        terms.options());
  }

  static ObjectiveRecipe read(RecipeFields in, ModelRecipe.Kind model) {
    return new ObjectiveRecipe(
        in.number("equivariance_probability", 0.5, Range.PROBABILITY),
        in.number("low_resolution_prior_probability", 0.25, Range.PROBABILITY),
        in.choice("scaling", EqOptions.Scaling.ISOTROPIC),
        in.choice("scale_set", EqOptions.ScaleSet.DISCRETE_32),
        in.number("scale_min", 0.25, new Range(0, false, 1, false)),
        in.number("scale_max", 1, new Range(0, false, 1, true)),
        in.integers("rotations", List.of(90, 180, 270), 0, 270, 4),
        in.choice("flips", EqOptions.Flips.NONE),
        in.choice("interpolation", Interpolation.BILINEAR),
        in.choice("draw", EqOptions.DrawPer.BATCH),
        in.choice("regularizer", EqOptions.Regularizer.IMPLICIT),
        in.number("explicit_weight", 0.1, Range.NOT_NEGATIVE),
        in.flag("explicit_stop_gradient", false),
        in.choice("discriminator_forward", LossOptions.DiscriminatorForward.SEPARATE),
        in.choice(
            "loss_normalization",
            model == ModelRecipe.Kind.VQ
                ? LossOptions.Normalization.PER_ELEMENT
                : LossOptions.Normalization.RELEASED),
        in.choice("pixel_loss", LossOptions.PixelLossKind.L1),
        in.number("perceptual_weight", 1, Range.NOT_NEGATIVE),
        in.optionalPath("lpips_weights"),
        in.number("logvar_init", 0, new Range(-30, true, 20, true)),
        in.number("kl_weight", 1e-6, Range.NOT_NEGATIVE),
        in.number("codebook_weight", 1, Range.NOT_NEGATIVE),
        in.integer("translation", 0, 0, 1024),
        in.number("blend_probability", 0, Range.PROBABILITY),
        LossTermsRecipe.read(in.section("terms")),
        GanRecipe.read(in.section("gan")));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("equivariance_probability", equivarianceProbability);
    map.put("low_resolution_prior_probability", lowResolutionPriorProbability);
    map.put("scaling", RecipeFields.name(scaling));
    map.put("scale_set", RecipeFields.name(scaleSet));
    map.put("scale_min", scaleMin);
    map.put("scale_max", scaleMax);
    map.put("rotations", rotations);
    map.put("flips", RecipeFields.name(flips));
    map.put("interpolation", RecipeFields.name(interpolation));
    map.put("draw", RecipeFields.name(draw));
    map.put("regularizer", RecipeFields.name(regularizer));
    map.put("explicit_weight", explicitWeight);
    map.put("explicit_stop_gradient", explicitStopGradient);
    map.put("discriminator_forward", RecipeFields.name(discriminatorForward));
    map.put("loss_normalization", RecipeFields.name(lossNormalization));
    map.put("pixel_loss", RecipeFields.name(pixelLoss));
    map.put("perceptual_weight", perceptualWeight);
    map.put("lpips_weights", lpipsWeights.map(Path::toString));
    map.put("logvar_init", logvarInit);
    map.put("kl_weight", klWeight);
    map.put("codebook_weight", codebookWeight);
    map.put("translation", translation);
    map.put("blend_probability", blendProbability);
    map.put("terms", terms.toMap());
    map.put("gan", gan.toMap());
    return map;
  }
}
