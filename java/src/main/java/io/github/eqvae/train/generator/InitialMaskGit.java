package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/** The weights that a recipe's {@code model.init_from} names. */
final class InitialMaskGit {
  private InitialMaskGit() {}

  private static MaskGitCheckpoint open(MaskGitRecipe recipe, Path path) throws IOException {
    MaskGitConfig wanted = recipe.model().config();
    // The tensors do not show how many heads there are, nor which rows of the table are codes.
    GeneratorHints hints =
        new GeneratorHints(
            OptionalInt.of(wanted.heads()), Optional.empty(), OptionalInt.of(wanted.codes()));
    MaskGitCheckpoint checkpoint =
        MaskGitCheckpoint.open(path, recipe.model().initWeights(), hints);
    MaskGitConfig found = checkpoint.config();
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
  static Optional<String> check(MaskGitRecipe recipe) throws IOException {
    if (recipe.model().initFrom().isEmpty()) {
      return Optional.empty();
    }
    try (MaskGitCheckpoint checkpoint = open(recipe, recipe.model().initFrom().get())) {
      return checkpoint
          .weightsNote()
          .map(note -> note.replace("--weights ", "model.init_weights="));
    }
  }

  /** Fills the network, if the recipe names a file. */
  static boolean load(MaskGitRecipe recipe, MaskedTransformer network, Stream stream)
      throws IOException {
    if (recipe.model().initFrom().isEmpty()) {
      return false;
    }
    try (MaskGitCheckpoint checkpoint = open(recipe, recipe.model().initFrom().get());
        MaskedTransformer read = checkpoint.load(stream)) {
      read.parameters().values().copyTo(stream, network.parameters().values());
      network.parameters().repack(stream);
      stream.sync();
    }
    return true;
  }
}
