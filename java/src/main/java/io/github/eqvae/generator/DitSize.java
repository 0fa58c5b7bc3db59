package io.github.eqvae.generator;

import java.util.Arrays;
import java.util.Optional;

/** The four sizes of the paper's table 1. */
public enum DitSize {
  /** 33 million parameters. */
  S(12, 384, 6),
  /** 130 million. */
  B(12, 768, 12),
  /** 458 million. */
  L(24, 1024, 16),
  /** 675 million. */
  XL(28, 1152, 16);

  private final int depth;
  private final int width;
  private final int heads;

  DitSize(int depth, int width, int heads) {
    this.depth = depth;
    this.width = width;
    this.heads = heads;
  }

  /**
   * The name that the papers give to a network.
   *
   * @param network any network
   * @return such as {@code XL/2}; empty for other sizes
   */
  public static Optional<String> name(DitConfig network) {
    return Arrays.stream(values())
        .filter(
            s ->
                s.width == network.width()
                    && s.depth == network.depth()
                    && s.heads == network.heads()
                    && network.mlpRatio() == 4)
        .map(s -> s + "/" + network.patch())
        .findFirst();
  }

  /**
   * The number of blocks.
   *
   * @return the count
   */
  public int depth() {
    return depth;
  }

  /**
   * The channels of a token.
   *
   * @return the count
   */
  public int width() {
    return width;
  }

  /**
   * The number of attention heads.
   *
   * @return the count
   */
  public int heads() {
    return heads;
  }
}
