package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The checkpoint that a fine-tuning starts from: {@code model.init_from}. */
public final class InitialWeights {
  private InitialWeights() {}

  /**
   * Looks at the checkpoint without reading its numbers.
   *
   * @param recipe the recipe
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it is not whole, or of another architecture than the
   *     recipe; the message has everything that differs
   */
  public static void check(Recipe recipe) throws IOException {
    Optional<Path> path = recipe.model().initFrom();
    if (path.isPresent()) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path.get())) {
        check(recipe, path.get(), checkpoint);
      }
    }
  }

  /**
   * The scaling of the checkpoint's latents, which fine-tuning keeps: EQ-VAE's generators were
   * trained with SD-VAE's factor.
   *
   * @param recipe the recipe
   * @return empty without a checkpoint, where it is no longer there, and where it does not say
   * @throws IOException when it cannot be read
   */
  public static Optional<LatentScaling> scaling(Recipe recipe) throws IOException {
    Optional<Path> path = recipe.model().initFrom().filter(Files::exists);
    if (path.isEmpty()) {
      return Optional.empty();
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path.get())) {
      return checkpoint.settings().scaling();
    }
  }

  /** Reads the checkpoint, if the recipe names one. */
  static void load(Recipe recipe, ParameterStore parameters, Stream stream) throws IOException {
    Optional<Path> path = recipe.model().initFrom();
    if (path.isPresent()) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path.get())) {
        check(recipe, path.get(), checkpoint);
        checkpoint.loadInto(parameters, stream);
      }
    }
  }

  private static void check(Recipe recipe, Path path, AutoencoderCheckpoint checkpoint) {
    ModelRecipe model = recipe.model();
    List<String> differences =
        new ArrayList<>(
            model
                .architecture()
                .differences("the recipe", checkpoint.architecture(), "the checkpoint"));
    checkpoint
        .settings()
        .normNumGroups()
        .ifPresent(
            groups -> {
              if (groups != model.normNumGroups()) {
                differences.add(
                    "norm_num_groups: the recipe has "
                        + model.normNumGroups()
                        + ", the checkpoint "
                        + groups);
              }
            });
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          "model.init_from: "
              + path
              + " is of another architecture than the recipe:\n  "
              + String.join("\n  ", differences)
              + "\nChange section model, or name another checkpoint; `eqvae inspect` shows it.");
    }
    checkpoint.report().requireClean("model.init_from: " + path);
  }
}
