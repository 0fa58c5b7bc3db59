package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;

/**
 * The shape of a transformer that predicts masked codes.
 *
 * @param kind the reference implementation
 * @param side rows and columns of codes in a picture
 * @param codes entries of the autoencoder's codebook
 * @param classes number of classes
 * @param width numbers per token
 * @param depth blocks
 * @param heads attention heads of each block
 * @param hidden width inside the MLPs
 * @param registers tokens without a position that also pass through the blocks; only {@link
 *     Kind#HALTON} has some
 */
public record MaskGitConfig(
    Kind kind,
    int side,
    int codes,
    int classes,
    int width,
    int depth,
    int heads,
    int hidden,
    int registers) {
  /** The two networks of MaskGIT in PyTorch. */
  public enum Kind {
    /** valeoai/Maskgit-pytorch: {@link MaskGit}. */
    MASKGIT,
    /** valeoai/Halton-MaskGIT, its successor: {@link HaltonMaskGit}. */
    HALTON
  }

  /**
   * Checks the shape.
   *
   * @throws EqvaeException.Argument when it is invalid
   */
  public MaskGitConfig {
    if (side < 1 || codes < 1 || classes < 1 || width < 1 || depth < 1 || hidden < 1) {
      throw new EqvaeException.Argument("MaskGIT: all sizes must be positive");
    }
    if (heads < 1 || width % heads != 0) {
      throw new EqvaeException.Argument(
          "MaskGIT: width %d does not divide into %d heads".formatted(width, heads));
    }
    if (registers < 0 || registers > 0 && kind == Kind.MASKGIT) {
      throw new EqvaeException.Argument(
          "MaskGIT: %d registers; only Halton-MaskGIT has registers".formatted(registers));
    }
  }

  /**
   * A network of Maskgit-pytorch.
   *
   * @param side rows and columns of codes in a picture
   * @param codes entries of the autoencoder's codebook
   * @param classes number of classes
   * @param width channels of a token
   * @param depth number of blocks
   * @param heads number of attention heads
   * @param hidden hidden width of a block's MLP
   * @return its shape
   */
  public static MaskGitConfig of(
      int side, int codes, int classes, int width, int depth, int heads, int hidden) {
    return new MaskGitConfig(Kind.MASKGIT, side, codes, classes, width, depth, heads, hidden, 0);
  }

  /**
   * The published network: ImageNet at 256 pixels, codes of the VQ-GAN with 1024 entries and a
   * stride of 16.
   *
   * @return its shape
   */
  public static MaskGitConfig published() {
    return of(16, 1024, 1000, 768, 24, 16, 3072);
  }

  /**
   * The number of codes of a picture.
   *
   * @return {@code side²}
   */
  public int tokens() {
    return side * side;
  }

  /**
   * The code for an unknown position.
   *
   * @return {@code codes}, the number after the last code
   */
  public int mask() {
    return codes;
  }

  /**
   * The token number of a label.
   *
   * @param label from 0 to {@code classes} − 1, or {@code classes} for none
   * @return its row in the token embedding
   */
  public int labelToken(int label) {
    if (label < 0 || label > classes) {
      throw new EqvaeException.Argument(
          "MaskGIT: label %d of %d classes (%d is none)".formatted(label, classes, classes));
    }
    return codes + 1 + label;
  }

  /** Rows of the token embedding: codes, the mask, labels, no label. */
  int rows() {
    return codes + 1 + classes + 1;
  }
}
