package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;

/**
 * The shape of a transformer that says which codes are behind a mask.
 *
 * @param kind whose network
 * @param side rows and columns of codes in a picture
 * @param codes entries of the autoencoder's codebook
 * @param classes labels
 * @param width channels of a token
 * @param depth blocks
 * @param heads of attention
 * @param hidden width of the perceptron in a block, as the reference is told it
 * @param registers tokens without a place that go through the blocks, too; of {@link Kind#HALTON}
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
    /** valeoai/Halton-MaskGIT, which followed it: {@link HaltonMaskGit}. */
    HALTON
  }

  /**
   * Checks that a network of this shape can be.
   *
   * @throws EqvaeException.Argument when it cannot; the message says why
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
          "MaskGIT: %d registers; only networks of Halton-MaskGIT have some".formatted(registers));
    }
  }

  /**
   * A network of Maskgit-pytorch.
   *
   * @param side rows and columns of codes in a picture
   * @param codes entries of the autoencoder's codebook
   * @param classes labels
   * @param width channels of a token
   * @param depth blocks
   * @param heads of attention
   * @param hidden width of the perceptron in a block
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
   * Codes of a picture.
   *
   * @return {@code side²}
   */
  public int tokens() {
    return side * side;
  }

  /**
   * The code that stands for one that is not known yet.
   *
   * @return one behind the codebook
   */
  public int mask() {
    return codes;
  }

  /**
   * The token of a label.
   *
   * @param label from 0 to {@code classes} − 1, or {@code classes} for none
   * @return its row in the table of tokens
   */
  public int labelToken(int label) {
    if (label < 0 || label > classes) {
      throw new EqvaeException.Argument(
          "MaskGIT: label %d of %d classes (%d is none)".formatted(label, classes, classes));
    }
    return codes + 1 + label;
  }

  /** Rows of the table: codes, the mask, labels, no label. */
  int rows() {
    return codes + 1 + classes + 1;
  }
}
