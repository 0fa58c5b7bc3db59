package io.github.eqvae.generator;

import io.github.eqvae.io.TorchBicubic;

/**
 * How a vision transformer's table of positions is fitted to pictures of another size than it was
 * trained with. The libraries that run DINOv2 differ: of networks without registers their tokens
 * differ by tens of percent at 224 pixels, of those with registers they agree.
 */
public enum PositionResize {
  /**
   * facebookresearch/dinov2 ({@code interpolate_pos_encoding}): without registers by a factor of
   * {@code (n + 0.1)/N} and no antialiasing, with registers to the size, antialiased.
   */
  HUB {
    @Override
    TorchBicubic along(int from, int to, boolean registers) {
      return registers
          ? TorchBicubic.to(from, to, true)
          : new TorchBicubic(from, to, from / (to + OFFSET), false);
    }
  },
  /**
   * transformers 5.18 ({@code Dinov2Embeddings}, {@code Dinov2WithRegistersEmbeddings}): to the
   * size, antialiased with registers only.
   */
  TRANSFORMERS {
    @Override
    TorchBicubic along(int from, int to, boolean registers) {
      return TorchBicubic.to(from, to, registers);
    }
  },
  /**
   * timm 1.0 ({@code resample_abs_pos_embed}): to the size, antialiased. REPA uses it, too, on
   * hub's weights.
   */
  TIMM {
    @Override
    TorchBicubic along(int from, int to, boolean registers) {
      return TorchBicubic.to(from, to, true);
    }
  };

  private static final double OFFSET = 0.1; // hub's guard against a result that is one too small

  /** The resizing of one axis of the table. */
  abstract TorchBicubic along(int from, int to, boolean registers);
}
