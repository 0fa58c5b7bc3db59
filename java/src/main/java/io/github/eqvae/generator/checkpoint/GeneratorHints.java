package io.github.eqvae.generator.checkpoint;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * A user's settings for a checkpoint from which they cannot be read.
 *
 * @param heads number of attention heads
 * @param process the diffusion process that the network was trained for
 * @param codes entries of the codebook, for MaskGIT: its table has both codes and labels
 */
public record GeneratorHints(
    OptionalInt heads, Optional<GeneratorProcess> process, OptionalInt codes) {
  /**
   * Hints for a network that does not generate codes.
   *
   * @param heads number of attention heads
   * @param process the diffusion process that the network was trained for
   */
  public GeneratorHints(OptionalInt heads, Optional<GeneratorProcess> process) {
    this(heads, process, OptionalInt.empty());
  }

  /** No hints. */
  public static final GeneratorHints NONE =
      new GeneratorHints(OptionalInt.empty(), Optional.empty());
}
