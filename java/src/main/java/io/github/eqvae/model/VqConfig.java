package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import java.util.List;

/**
 * The architecture of a discrete autoencoder and the balance of its codebook loss. Source:
 * CompVis/taming-transformers {@code taming/models/vqgan.py} and {@code
 * taming/modules/vqvae/quantize.py}, {@code VectorQuantizer2}.
 *
 * @param autoencoder encoder and decoder; the latent has {@code embed_dim} channels
 * @param codes vectors in the codebook, {@code n_embed}
 * @param beta the weight β of one of the two terms of the codebook loss; 0.25 in taming
 * @param betaPlacement which of the two terms is multiplied by β
 */
public record VqConfig(
    AutoencoderConfig autoencoder, int codes, double beta, BetaPlacement betaPlacement) {
  /** β of all published models. */
  public static final double BETA = 0.25;

  /**
   * Which term has β. The codebook loss is mean((sg(zq) − z)²) + mean((zq − sg(z))²), one term
   * times β.
   */
  public enum BetaPlacement {
    /** The second term, which moves the codes, as in taming's code and published models. */
    LEGACY,
    /** The first term, which commits the encoder to its codes, as in the VQ-VAE paper. */
    FIXED
  }

  /** Checks that the numbers fit together. */
  public VqConfig {
    require(codes > 0, "n_embed is " + codes + ", a codebook needs at least one code");
    require(beta >= 0, "beta is " + beta + ", must not be negative");
    require(autoencoder.useQuantConv(), "the codebook lies between quant_conv and post_quant_conv");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new EqvaeException.Argument("Discrete autoencoder: " + message);
    }
  }

  /**
   * The published f16 models. taming's, with 256 channels: 72,141,699 parameters with 1024 codes,
   * 76,073,859 with 16384. Latent diffusion's vq-f16, 16384 codes of 8 channels: 69,593,371.
   *
   * @param codes vectors in the codebook
   * @param channels channels of the latent, {@code z_channels} and {@code embed_dim}
   * @return its configuration, as taming trains it
   */
  public static VqConfig f16(int codes, int channels) {
    return new VqConfig(
        new AutoencoderConfig(
            3,
            3,
            128,
            List.of(1, 1, 2, 2, 4),
            2,
            List.of(16),
            256,
            channels,
            channels,
            32,
            true,
            true),
        codes,
        BETA,
        BetaPlacement.LEGACY);
  }

  /** The factor of mean((sg(zq) − z)²). */
  double commitmentWeight() {
    return betaPlacement == BetaPlacement.FIXED ? beta : 1;
  }

  /** The factor of mean((zq − sg(z))²). */
  double codebookWeight() {
    return betaPlacement == BetaPlacement.LEGACY ? beta : 1;
  }
}
