package io.github.eqvae.train.autoencoder;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.model.checkpoint.AutoencoderArchitecture;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code model}: the autoencoder and the discriminator that judges it.
 *
 * <p>Names and defaults are those of the {@code ddconfig} of CompVis latent-diffusion's {@code
 * configs/autoencoder/autoencoder_kl_32x32x4.yaml} (SD-VAE f8 d4); {@code norm_num_groups} and
 * {@code mid_block_add_attention} carry their diffusers names because CompVis hard-codes them.
 *
 * @param kind architecture: {@code autoencoder_kl} or {@code vq}; default {@code autoencoder_kl}.
 *     Source: released: eqvae_config.yaml
 * @param inChannels {@code in_channels}: colour channels of the input, 1 or 3; default 3. Source:
 *     released: eqvae_config.yaml
 * @param outCh {@code out_ch}: colour channels of the output; default {@code in_channels}. Source:
 *     released: both are 3 in eqvae_config.yaml
 * @param ch base channel count; default 128. Source: released: eqvae_config.yaml
 * @param chMult {@code ch_mult}: channel multiplier per resolution level; default 1, 2, 4, 4. Each
 *     level but the last halves the side, so the down-sampling factor is 2^(levels - 1). Source:
 *     released: eqvae_config.yaml
 * @param numResBlocks {@code num_res_blocks}: residual blocks per encoder level (the decoder has
 *     one more); default 2. Source: released: eqvae_config.yaml
 * @param attnResolutions {@code attn_resolutions}: levels whose feature maps have these sides, in
 *     pixels at {@code resolution}, get attention; default none. Source: released:
 *     eqvae_config.yaml
 * @param resolution image side, in pixels, that {@code attn_resolutions} refers to; default 256.
 *     Source: released: eqvae_config.yaml
 * @param zChannels {@code z_channels}: channels of the decoder's input; default 4. Source:
 *     released: eqvae_config.yaml
 * @param embedDim {@code embed_dim}: channels of the latent; default 4. Source: released:
 *     eqvae_config.yaml
 * @param doubleZ {@code double_z}: the encoder's output is mean and log-variance; always true for
 *     {@code autoencoder_kl}, always false for {@code vq}. Source: released: eqvae_config.yaml
 * @param dropout probability of dropping an activation; always 0. Source: released:
 *     eqvae_config.yaml
 * @param normNumGroups {@code norm_num_groups}: groups of each group normalisation; default 32.
 *     Source: released: fixed in the model's code
 * @param midBlockAddAttention {@code mid_block_add_attention}: attention in the middle blocks;
 *     default true. Source: released: fixed in the model's code
 * @param quantize the codebook of {@code vq}; without effect on other kinds
 * @param useQuantConv {@code use_quant_conv}: 1×1 convolutions before and after the latent; default
 *     true. SD3's and FLUX' autoencoders have none. Source: released: fixed in the model's code
 * @param paddingMode {@code padding_mode}: how 3×3 convolutions pad their input: {@code zeros},
 *     {@code reflect} or {@code replicate}; default {@code zeros}. A checkpoint in {@code
 *     init_from} that declares another mode is refused. Source: released: PyTorch's default, as in
 *     all published models
 * @param initFrom {@code init_from}: a checkpoint of this architecture that training starts from,
 *     of diffusers, CompVis or this library; default none: random weights. Source: ours: no weights
 *     are included
 * @param initWeights {@code init_weights}: which weights of {@code init_from}: {@code ema}, {@code
 *     model} for the current weights, or {@code auto}, the average if it is complete; default
 *     {@code auto}. Source: ours: published figures are those of averages
 * @param freeze which weights are not trained: {@code none}, or {@code encoder} for a second stage
 *     that trains only the decoder: the encoder, the convolution after it and a codebook get no
 *     gradients, and their optimiser moments do not change; default {@code none}. Source: released:
 *     all are trained
 * @param discriminator the PatchGAN, used when {@code objective.gan.enabled}
 */
public record ModelRecipe(
    Kind kind,
    int inChannels,
    int outCh,
    int ch,
    List<Integer> chMult,
    int numResBlocks,
    List<Integer> attnResolutions,
    int resolution,
    int zChannels,
    int embedDim,
    boolean doubleZ,
    double dropout,
    int normNumGroups,
    boolean midBlockAddAttention,
    Quantize quantize,
    boolean useQuantConv,
    PaddingMode paddingMode,
    Optional<Path> initFrom,
    Weights initWeights,
    Freeze freeze,
    Discriminator discriminator) {

  /** Which weights are frozen. */
  public enum Freeze {
    /** Nothing. */
    NONE,
    /** All that computes the latent. */
    ENCODER;

    /** Whether a parameter of that name is frozen. */
    boolean keeps(String name) {
      return this == ENCODER
          && List.of("encoder.", "quant_conv.", "quantize.").stream().anyMatch(name::startsWith);
    }
  }

  /** Architectures of the autoencoder. */
  public enum Kind {
    /** The KL autoencoder of latent diffusion (SD-VAE). */
    AUTOENCODER_KL,
    /** The discrete autoencoder of VQ-GAN. */
    VQ
  }

  /** Where the codes of {@code vq} start. */
  public enum CodebookInit {
    /** Around 0. */
    UNIFORM,
    /** At latents of the first batch. */
    DATA
  }

  /**
   * Section {@code model.quantize}: the codebook, as taming-transformers' {@code VQModel} makes it.
   *
   * @param nEmbed {@code n_embed}: number of codes; default 1024. Source: taming:
   *     configs/imagenet_vqgan.yaml
   * @param beta weight of one term of the codebook loss; default 0.25. Source: taming: vqgan.py
   * @param betaPlacement {@code beta_placement}: where {@code beta} is: {@code legacy}, on the term
   *     that moves the codes, or {@code fixed}, on the term that commits the encoder; default
   *     {@code legacy}. Source: taming: quantize.py
   * @param init where codes start if training starts from random weights: {@code uniform} in
   *     ±1/n_embed, or {@code data}, at latents of the first batch, so that all are used; default
   *     {@code uniform}. Source: taming: quantize.py
   */
  public record Quantize(
      int nEmbed, double beta, VqConfig.BetaPlacement betaPlacement, CodebookInit init) {
    /** taming's, with its smaller codebook. */
    static final Quantize DEFAULT =
        new Quantize(1024, 0.25, VqConfig.BetaPlacement.LEGACY, CodebookInit.UNIFORM);

    static Quantize read(RecipeFields in) {
      return new Quantize(
          in.integer("n_embed", DEFAULT.nEmbed, 1, 1 << 20),
          in.number("beta", DEFAULT.beta, Range.NOT_NEGATIVE),
          in.choice("beta_placement", DEFAULT.betaPlacement),
          in.choice("init", DEFAULT.init));
    }

    Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("n_embed", nEmbed);
      map.put("beta", beta);
      map.put("beta_placement", RecipeFields.name(betaPlacement));
      map.put("init", RecipeFields.name(init));
      return map;
    }
  }

  /**
   * Section {@code model.discriminator}: PatchGAN, as in taming-transformers.
   *
   * @param nLayers {@code n_layers}: strided layers after the first; default 3. Source: released:
   *     contperceptual.py
   * @param ndf channels of the first layer; default 64. Source: taming: NLayerDiscriminator
   */
  public record Discriminator(int nLayers, int ndf) {
    static Discriminator read(RecipeFields in) {
      return new Discriminator(in.integer("n_layers", 3, 1, 8), in.integer("ndf", 64, 1, 4096));
    }

    Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("n_layers", nLayers);
      map.put("ndf", ndf);
      return map;
    }
  }

  /** Copies the lists. Values are checked when the {@link AutoencoderRecipe} is made. */
  public ModelRecipe {
    chMult = List.copyOf(chMult);
    attnResolutions = List.copyOf(attnResolutions);
  }

  /**
   * How many image pixels one latent pixel covers along a side.
   *
   * @return 2^(levels - 1), 8 for SD-VAE
   */
  public int downsamplingFactor() {
    return 1 << (chMult.size() - 1);
  }

  /**
   * The shape of encoder and decoder.
   *
   * @return what the model is built from
   */
  public AutoencoderConfig autoencoder() {
    return new AutoencoderConfig(
        inChannels,
        outCh,
        ch,
        chMult,
        numResBlocks,
        attnResolutions,
        resolution,
        zChannels,
        embedDim,
        normNumGroups,
        useQuantConv,
        midBlockAddAttention,
        paddingMode);
  }

  /**
   * Builds the autoencoder with random weights, ready for training.
   *
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @return the model
   */
  Autoencoder build(Stream stream, long seed) {
    return build(stream, seed, true);
  }

  /** The same; without training there is no memory for gradients. */
  Autoencoder build(Stream stream, long seed, boolean training) {
    return switch (kind) {
      case AUTOENCODER_KL -> new AutoencoderKl(autoencoder(), stream, seed, training);
      case VQ -> new VqModel(vq(), stream, seed, training);
    };
  }

  private VqConfig vq() {
    return new VqConfig(autoencoder(), quantize.nEmbed, quantize.beta, quantize.betaPlacement);
  }

  /** The settings that the tensors of a checkpoint of this model show. */
  AutoencoderArchitecture architecture() {
    return switch (kind) {
      case AUTOENCODER_KL -> AutoencoderArchitecture.of(autoencoder());
      case VQ -> AutoencoderArchitecture.of(vq());
    };
  }

  static ModelRecipe read(RecipeFields in) {
    Kind kind = in.choice("kind", Kind.AUTOENCODER_KL);
    int inChannels = in.integer("in_channels", 3, 1, 3);
    return new ModelRecipe(
        kind,
        inChannels,
        in.integer("out_ch", inChannels, 1, 3),
        in.integer("ch", 128, 1, 4096),
        in.integers("ch_mult", List.of(1, 2, 4, 4), 1, 64, 8),
        in.integer("num_res_blocks", 2, 1, 16),
        in.integers("attn_resolutions", List.of(), 1, 8192, 8),
        in.integer("resolution", 256, 8, 8192),
        in.integer("z_channels", 4, 1, 1024),
        in.integer("embed_dim", 4, 1, 1024),
        in.flag("double_z", kind == Kind.AUTOENCODER_KL),
        in.number("dropout", 0, new Range(0, true, 0, true)),
        in.integer("norm_num_groups", 32, 1, 1024),
        in.flag("mid_block_add_attention", true),
        Quantize.read(in.section("quantize")),
        in.flag("use_quant_conv", true),
        in.choice("padding_mode", PaddingMode.ZEROS),
        in.optionalPath("init_from"),
        in.choice("init_weights", Weights.AUTO),
        in.choice("freeze", Freeze.NONE),
        Discriminator.read(in.section("discriminator")));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("in_channels", inChannels);
    map.put("out_ch", outCh);
    map.put("ch", ch);
    map.put("ch_mult", chMult);
    map.put("num_res_blocks", numResBlocks);
    map.put("attn_resolutions", attnResolutions);
    map.put("resolution", resolution);
    map.put("z_channels", zChannels);
    map.put("embed_dim", embedDim);
    map.put("double_z", doubleZ);
    map.put("dropout", dropout);
    map.put("norm_num_groups", normNumGroups);
    map.put("mid_block_add_attention", midBlockAddAttention);
    map.put("quantize", quantize.toMap());
    map.put("use_quant_conv", useQuantConv);
    map.put("padding_mode", RecipeFields.name(paddingMode));
    map.put("init_from", initFrom.map(Path::toString));
    map.put("init_weights", RecipeFields.name(initWeights));
    map.put("freeze", RecipeFields.name(freeze));
    map.put("discriminator", discriminator.toMap());
    return map;
  }
}
