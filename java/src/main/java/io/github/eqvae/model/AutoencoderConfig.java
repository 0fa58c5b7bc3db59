package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.PaddingMode;
import java.util.List;

/**
 * The architecture of an autoencoder of the latent-diffusion family, with the names of CompVis'
 * {@code ddconfig}.
 *
 * @param inChannels channels of the image: 3 for RGB, 1 for gray
 * @param outChannels channels of the reconstruction
 * @param ch width of the first level
 * @param chMult width of each level as a multiple of {@code ch}; every level but the last halves
 *     the resolution
 * @param numResBlocks residual blocks per encoder level; the decoder has one more
 * @param attnResolutions sides at which every residual block is followed by attention
 * @param resolution side of the training images; decides where {@code attnResolutions} fall
 * @param zChannels channels of the encoder's result (before doubling for the variance)
 * @param embedDim channels of the latent
 * @param normGroups groups of every group norm; 32 in all published models
 * @param useQuantConv whether 1×1 convolutions surround the latent; not in SD3's autoencoder
 * @param midBlockAddAttention whether the deepest level attends over all its pixels, as published
 * @param padding how 3×3 convolutions pad their input. Downsampling convolutions are always padded
 *     with zeros, below and to the right: all sources pad before a convolution that has no padding
 *     itself, and PyTorch's {@code padding_mode} does not change that
 */
public record AutoencoderConfig(
    int inChannels,
    int outChannels,
    int ch,
    List<Integer> chMult,
    int numResBlocks,
    List<Integer> attnResolutions,
    int resolution,
    int zChannels,
    int embedDim,
    int normGroups,
    boolean useQuantConv,
    boolean midBlockAddAttention,
    PaddingMode padding) {

  /**
   * An architecture with zero padding, as published.
   *
   * @param inChannels channels of the image
   * @param outChannels channels of the reconstruction
   * @param ch width of the first level
   * @param chMult width of each level as a multiple of {@code ch}
   * @param numResBlocks residual blocks per encoder level
   * @param attnResolutions sides at which every residual block is followed by attention
   * @param resolution side of the training images
   * @param zChannels channels of the encoder's result
   * @param embedDim channels of the latent
   * @param normGroups groups of every group norm
   * @param useQuantConv whether 1×1 convolutions surround the latent
   * @param midBlockAddAttention whether the deepest level attends
   */
  public AutoencoderConfig(
      int inChannels,
      int outChannels,
      int ch,
      List<Integer> chMult,
      int numResBlocks,
      List<Integer> attnResolutions,
      int resolution,
      int zChannels,
      int embedDim,
      int normGroups,
      boolean useQuantConv,
      boolean midBlockAddAttention) {
    this(
        inChannels,
        outChannels,
        ch,
        chMult,
        numResBlocks,
        attnResolutions,
        resolution,
        zChannels,
        embedDim,
        normGroups,
        useQuantConv,
        midBlockAddAttention,
        PaddingMode.ZEROS);
  }

  /** Checks that the numbers fit together. */
  public AutoencoderConfig {
    chMult = List.copyOf(chMult);
    attnResolutions = List.copyOf(attnResolutions);
    require(
        !chMult.isEmpty(), "ch_mult is empty; it needs one number per level, e.g. [1, 2, 4, 4]");
    require(
        inChannels > 0 && outChannels > 0 && ch > 0 && numResBlocks > 0 && zChannels > 0,
        "in_channels, out_ch, ch, num_res_blocks and z_channels must be positive");
    for (int m : chMult) {
      require(
          ch * m % normGroups == 0,
          "a level has " + ch * m + " channels, not divisible by norm_groups = " + normGroups);
    }
    int factor = 1 << (chMult.size() - 1);
    require(
        resolution % factor == 0,
        "resolution "
            + resolution
            + " is not a multiple of "
            + factor
            + ", the downsampling factor of "
            + chMult.size()
            + " levels");
    require(
        useQuantConv || embedDim == zChannels,
        "without quant_conv, embed_dim " + embedDim + " must equal z_channels " + zChannels);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new EqvaeException.Argument("Autoencoder: " + message);
    }
  }

  /**
   * The published SD-VAE, f8 d4 (CompVis kl-f8, stabilityai/sd-vae-ft-*): 83,653,863 parameters.
   *
   * @return its configuration
   */
  public static AutoencoderConfig sdVae() {
    return new AutoencoderConfig(
        3, 3, 128, List.of(1, 2, 4, 4), 2, List.of(), 256, 4, 4, 32, true, true);
  }

  /**
   * Image pixels per latent pixel along one side.
   *
   * @return 2^(levels − 1)
   */
  public int downsamplingFactor() {
    return 1 << (chMult.size() - 1);
  }

  /**
   * Channels of a level.
   *
   * @param level 0 is the full resolution
   * @return {@code ch · ch_mult[level]}
   */
  public int channels(int level) {
    return ch * chMult.get(level);
  }

  /**
   * Channels of the deepest level.
   *
   * @return its width
   */
  public int deepestChannels() {
    return channels(chMult.size() - 1);
  }

  boolean hasAttention(int level) {
    return attnResolutions.contains(resolution >> level);
  }
}
