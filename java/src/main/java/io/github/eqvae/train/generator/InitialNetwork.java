package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/** The weights that a recipe's {@code model.init_from} names. */
final class InitialNetwork {
  private InitialNetwork() {}

  private static GeneratorCheckpoint open(GeneratorRecipe recipe, Path path) throws IOException {
    DitConfig wanted = recipe.model().config();
    // The tensors do not show how many heads there are.
    GeneratorHints hints = new GeneratorHints(OptionalInt.of(wanted.heads()), Optional.empty());
    GeneratorCheckpoint checkpoint =
        GeneratorCheckpoint.open(path, recipe.model().initWeights(), hints);
    if (!checkpoint.config().equals(wanted)) {
      DitConfig found = checkpoint.config();
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
  static Optional<String> check(GeneratorRecipe recipe) throws IOException {
    if (recipe.model().initFrom().isEmpty()) {
      return Optional.empty();
    }
    try (GeneratorCheckpoint checkpoint = open(recipe, recipe.model().initFrom().get())) {
      return checkpoint
          .weightsNote()
          .map(note -> note.replace("--weights ", "model.init_weights="));
    }
  }

  /** Fills the network, if the recipe names a file. */
  static boolean load(GeneratorRecipe recipe, Dit network, Stream stream) throws IOException {
    if (recipe.model().initFrom().isEmpty()) {
      return false;
    }
    try (GeneratorCheckpoint checkpoint = open(recipe, recipe.model().initFrom().get())) {
      checkpoint.load(network, stream);
    }
    return true;
  }
}
