package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import java.util.List;

/**
 * REPA's projectors (arXiv 2410.06940): after some of a generator's blocks, one projector per
 * foundation model predicts that model's features of the clean picture.
 *
 * @param depth blocks before the projectors: {@code encoder_depth}, 8 as published
 * @param hidden width inside a projector: {@code projector_dim}, 2048 as published
 * @param widths widths of the features: {@code z_dims}, 768 for DINOv2-B
 */
public record Alignment(int depth, int hidden, List<Integer> widths) {
  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if one is not positive
   */
  public Alignment {
    widths = List.copyOf(widths);
    if (depth < 1 || hidden < 1 || widths.isEmpty() || widths.stream().anyMatch(w -> w < 1)) {
      throw new EqvaeException.Argument(
          "REPA: depth %d, projectors of %d, features of %s: all must be positive"
              .formatted(depth, hidden, widths));
    }
  }
}
