package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The shape of a DINOv2 vision transformer.
 *
 * @param patch side of the patch that becomes a token, in pixels
 * @param side rows and columns of its position embeddings
 * @param width channels of a token
 * @param depth number of blocks
 * @param heads number of attention heads
 * @param hidden hidden width of a block's MLP
 * @param registers register tokens (arXiv 2309.16588)
 */
public record VitConfig(
    int patch, int side, int width, int depth, int heads, int hidden, int registers) {
  /** Channels of a head in every published DINOv2; they cannot be inferred from the tensors. */
  public static final int HEAD_SIZE = 64;

  private static final int PATCH = 14;
  private static final int SIDE = 37; // trained with 518 pixels at the end
  private static final int MLP_RATIO = 4;

  /** DINOv2's published sizes. */
  public enum Size {
    /** ViT-S/14, 21 million parameters. */
    SMALL(384, 12),
    /** ViT-B/14, 86 million. */
    BASE(768, 12),
    /** ViT-L/14, 300 million. */
    LARGE(1024, 24);

    private final int width;
    private final int depth;

    Size(int width, int depth) {
      this.width = width;
      this.depth = depth;
    }
  }

  /**
   * Checks the shape.
   *
   * @throws EqvaeException.Argument when it is invalid
   */
  public VitConfig {
    if (patch < 1 || side < 1 || width < 1 || depth < 1 || hidden < 1 || registers < 0) {
      throw new EqvaeException.Argument("vision transformer: all sizes must be positive");
    }
    if (heads < 1 || width % heads != 0) {
      throw new EqvaeException.Argument(
          "vision transformer: width %d does not divide into %d heads".formatted(width, heads));
    }
  }

  /**
   * A published network.
   *
   * @param size the size
   * @param registers 0 or 4
   * @return its shape
   */
  public static VitConfig dinov2(Size size, int registers) {
    return new VitConfig(
        PATCH,
        SIDE,
        size.width,
        size.depth,
        size.width / HEAD_SIZE,
        MLP_RATIO * size.width,
        registers);
  }

  /**
   * The published size with this shape.
   *
   * @return empty for other shapes
   */
  public Optional<Size> size() {
    return Arrays.stream(Size.values()).filter(s -> dinov2(s, registers).equals(this)).findFirst();
  }

  /**
   * The network's name.
   *
   * @return {@code dinov2-base} or {@code dinov2-base-registers} for published shapes; for others a
   *     name like {@code vit-24-wide-2-deep}
   */
  public String title() {
    return size()
        .map(
            s ->
                "dinov2-" + s.name().toLowerCase(Locale.ROOT) + (registers > 0 ? "-registers" : ""))
        .orElse("vit-%d-wide-%d-deep".formatted(width, depth));
  }

  /** The number of prefix tokens: the class token and the registers. */
  int prefix() {
    return 1 + registers;
  }
}
