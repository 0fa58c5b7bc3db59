package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The weights that a recipe's {@code model.init_from} names.
 *
 * @param from the file; empty if the recipe names none
 * @param weights which of the file's
 * @param hints what the tensors do not show
 * @param opener opens a file
 * @param config the shape of the network in a file
 * @param wanted the shape that the recipe's network has
 * @param <C> the kind of checkpoint
 */
record InitialWeights<C extends NetworkCheckpoint>(
    Optional<Path> from,
    Weights weights,
    GeneratorHints hints,
    Opener<C> opener,
    Function<C, Record> config,
    Record wanted) {
  /** Opens a checkpoint. */
  interface Opener<C> {
    C open(Path path, Weights weights, GeneratorHints hints) throws IOException;
  }

  /** Those of a network on latents. */
  static InitialWeights<GeneratorCheckpoint> of(GeneratorRecipe recipe) {
    DitConfig wanted = recipe.model().config();
    return new InitialWeights<>(
        recipe.model().initFrom(),
        recipe.model().initWeights(),
        // The tensors do not show how many heads there are.
        new GeneratorHints(OptionalInt.of(wanted.heads()), Optional.empty()),
        GeneratorCheckpoint::open,
        GeneratorCheckpoint::config,
        wanted);
  }

  /** Those of MaskGIT. */
  static InitialWeights<MaskGitCheckpoint> of(MaskGitRecipe recipe) {
    MaskGitConfig wanted = recipe.model().config();
    return new InitialWeights<>(
        recipe.model().initFrom(),
        recipe.model().initWeights(),
        // The tensors do not show how many heads there are, nor which rows of the table are codes.
        new GeneratorHints(
            OptionalInt.of(wanted.heads()), Optional.empty(), OptionalInt.of(wanted.codes())),
        MaskGitCheckpoint::open,
        MaskGitCheckpoint::config,
        wanted);
  }

  private C open(Path path) throws IOException {
    C checkpoint = opener.open(path, weights, hints);
    Record found = config.apply(checkpoint);
    if (!found.equals(wanted)) {
      checkpoint.close();
      throw new EqvaeException.Argument(
          "model.init_from: "
              + path
              + " is of another network: "
              + found
              + "; the recipe has "
              + wanted);
    }
    return checkpoint;
  }

  /**
   * Checks that the file fits. The result says which weights are taken if it has two sets of them.
   */
  Optional<String> check() throws IOException {
    if (from.isEmpty()) {
      return Optional.empty();
    }
    try (C checkpoint = open(from.get())) {
      return checkpoint
          .weightsNote()
          .map(note -> note.replace("--weights ", "model.init_weights="));
    }
  }

  /** Fills a network from the file, if the recipe names one. */
  boolean load(Consumer<C> fill) throws IOException {
    if (from.isEmpty()) {
      return false;
    }
    try (C checkpoint = open(from.get())) {
      fill.accept(checkpoint);
    }
    return true;
  }
}
