package io.github.eqvae.generator.checkpoint;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a user says of a checkpoint that says it neither by its tensors nor beside them.
 *
 * @param heads of attention
 * @param process how the network was taught
 * @param codes entries of the codebook, of MaskGIT, whose table of codes and labels is one
 */
public record GeneratorHints(
    OptionalInt heads, Optional<GeneratorProcess> process, OptionalInt codes) {
  /**
   * Of a network that makes no codes.
   *
   * @param heads of attention
   * @param process how the network was taught
   */
  public GeneratorHints(OptionalInt heads, Optional<GeneratorProcess> process) {
    this(heads, process, OptionalInt.empty());
  }

  /** Nothing is said. */
  public static final GeneratorHints NONE =
      new GeneratorHints(OptionalInt.empty(), Optional.empty());
}
