package io.github.eqvae.generator.checkpoint;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a user says of a checkpoint that says it neither by its tensors nor beside them.
 *
 * @param heads of attention
 * @param process how the network was taught
 */
public record GeneratorHints(OptionalInt heads, Optional<GeneratorProcess> process) {
  /** Nothing is said. */
  public static final GeneratorHints NONE =
      new GeneratorHints(OptionalInt.empty(), Optional.empty());
}
