package io.github.eqvae.generator;

import io.github.eqvae.io.TorchBicubic;

/**
 * How a vision transformer's position embeddings are interpolated for pictures of another size than
 * in training. The libraries for DINOv2 do this differently: for networks without registers their
 * tokens differ by tens of percent at 224 pixels; for those with registers they agree.
 */
public enum PositionResize {
  /**
   * facebookresearch/dinov2 ({@code interpolate_pos_encoding}): without registers a scale of {@code
   * (n + 0.1)/N} and no antialiasing; with registers the exact size, antialiased.
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
   * transformers 5.18 ({@code Dinov2Embeddings}, {@code Dinov2WithRegistersEmbeddings}): the exact
   * size, antialiased only with registers.
   */
  TRANSFORMERS {
    @Override
    TorchBicubic along(int from, int to, boolean registers) {
      return TorchBicubic.to(from, to, registers);
    }
  },
  /**
   * timm 1.0 ({@code resample_abs_pos_embed}): the exact size, antialiased. REPA uses it with
   * torch.hub's weights.
   */
  TIMM {
    @Override
    TorchBicubic along(int from, int to, boolean registers) {
      return TorchBicubic.to(from, to, true);
    }
  };

  private static final double OFFSET =
      0.1; // torch.hub's protection against a size that is one too small

  /** The resizing of one axis of the table. */
  abstract TorchBicubic along(int from, int to, boolean registers);
}
