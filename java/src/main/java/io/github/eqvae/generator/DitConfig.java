package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;

/**
 * The shape of a diffusion transformer. The defaults are those of facebookresearch/DiT; the options
 * from {@code qkNorm} on are those of LightningDiT (hustvl/LightningDiT).
 *
 * @param channels channels of a latent
 * @param side side of a latent, which is square
 * @param patch side of the patch that becomes a token
 * @param width channels of a token
 * @param depth number of blocks
 * @param heads number of attention heads
 * @param mlpRatio hidden width of a block's MLP, as a multiple of the token's width
 * @param classes number of classes; 0 makes the network unconditional
 * @param nullClass whether there is one more label for "no class", for guidance
 * @param learnSigma whether the network also predicts variances, in as many further channels
 * @param qkNorm whether queries and keys are normalised per head
 * @param rmsNorm whether norms are RMS norms with a weight instead of layer norms without
 * @param swiGlu whether the MLP is SwiGLU, with two thirds of the hidden width
 * @param rope whether attention uses rotary positions of row and column
 * @param shift whether adaLN shifts as well as scales (the last layer always does)
 */
public record DitConfig(
    int channels,
    int side,
    int patch,
    int width,
    int depth,
    int heads,
    double mlpRatio,
    int classes,
    boolean nullClass,
    boolean learnSigma,
    boolean qkNorm,
    boolean rmsNorm,
    boolean swiGlu,
    boolean rope,
    boolean shift) {
  private static final int LARGEST_HEAD = 128;

  /**
   * Checks the shape.
   *
   * @throws EqvaeException.Argument when it is invalid
   */
  public DitConfig {
    require(channels >= 1 && side >= 1 && patch >= 1, "channels, side and patch are at least 1");
    require(
        side % patch == 0,
        "a latent of side " + side + " does not divide into patches of " + patch);
    require(width >= 4 && width % 4 == 0, "width is " + width + ", must be a multiple of 4");
    require(depth >= 1 && heads >= 1, "depth and heads are at least 1");
    require(width % heads == 0, "width " + width + " does not divide into " + heads + " heads");
    require(
        width / heads <= LARGEST_HEAD,
        "a head has " + width / heads + " channels, at most " + LARGEST_HEAD + " are possible");
    require(mlpRatio > 0, "mlpRatio is " + mlpRatio + ", must be above 0");
    require(classes >= 0, "classes is " + classes + "; 0 is unconditional");
    require(classes > 0 || !nullClass, "a network without classes has no null class");
    require(
        !rope || width / heads % 4 == 0,
        "with rope the channels of a head (" + width / heads + ") must be a multiple of 4");
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new EqvaeException.Argument("DiT: " + otherwise);
    }
  }

  /**
   * A network of the paper: 1000 classes and a null class, learned variances, for latents of
   * 32×32×4.
   *
   * @param size the size
   * @param patch side of the patch that becomes a token: 2, 4 or 8 in the paper
   * @return its shape
   */
  public static DitConfig of(DitSize size, int patch) {
    return new DitConfig(
        4,
        32,
        patch,
        size.width(),
        size.depth(),
        size.heads(),
        4,
        1000,
        true,
        true,
        false,
        false,
        false,
        false,
        true);
  }

  /**
   * The same network for other latents.
   *
   * @param latentChannels channels of a latent
   * @param latentSide side of a latent
   * @return the shape
   */
  public DitConfig forLatents(int latentChannels, int latentSide) {
    return with(latentChannels, latentSide, classes, nullClass);
  }

  /**
   * The same network for other classes.
   *
   * @param labels number of classes; 0 makes it unconditional
   * @param withNull whether there is a null class
   * @return the shape
   */
  public DitConfig forClasses(int labels, boolean withNull) {
    return with(channels, side, labels, withNull);
  }

  private DitConfig with(int latentChannels, int latentSide, int labels, boolean withNull) {
    return new DitConfig(
        latentChannels,
        latentSide,
        patch,
        width,
        depth,
        heads,
        mlpRatio,
        labels,
        withNull,
        learnSigma,
        qkNorm,
        rmsNorm,
        swiGlu,
        rope,
        shift);
  }

  /**
   * The number of tokens of a latent.
   *
   * @return the count
   */
  public int tokens() {
    return side / patch * (side / patch);
  }

  /**
   * The channels of the output.
   *
   * @return those of a latent, or twice as many
   */
  public int outChannels() {
    return learnSigma ? 2 * channels : channels;
  }

  /**
   * The rows of the label table.
   *
   * @return the number of classes, plus one for a null class, which is the last row
   */
  public int labels() {
    return nullClass ? classes + 1 : classes;
  }

  /**
   * The channels of a head.
   *
   * @return the count
   */
  public int headSize() {
    return width / heads;
  }

  /**
   * The hidden channels of a block's MLP.
   *
   * @return the count
   */
  public int hidden() {
    int hidden = (int) (width * mlpRatio);
    return swiGlu ? (int) (2.0 / 3 * hidden) : hidden;
  }
}
