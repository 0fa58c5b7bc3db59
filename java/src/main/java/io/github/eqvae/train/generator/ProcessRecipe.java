package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.Map;

/** How the network is trained: in the steps of a diffusion, or along a path. */
public sealed interface ProcessRecipe permits DiffusionRecipe, TransportRecipe, RepaRecipe {
  /**
   * Its name in a recipe.
   *
   * @return the section's name
   */
  String section();

  /**
   * The loss.
   *
   * @return of this process
   */
  DenoisingLoss loss();

  /**
   * Its description in a file of the network.
   *
   * @return the process
   */
  GeneratorProcess process();

  /**
   * The section as it is written.
   *
   * @return values by key
   */
  Map<String, Object> toMap();

  /**
   * Reads the section that this kind of network has.
   *
   * @param root the whole recipe's fields
   * @param model the network
   * @return the section
   */
  static ProcessRecipe read(RecipeFields root, NetworkRecipe model) {
    return switch (model.kind()) {
      case DIT -> DiffusionRecipe.read(root.section(DiffusionRecipe.SECTION), model);
      case SIT, LIGHTNINGDIT -> TransportRecipe.read(root.section(TransportRecipe.SECTION), model);
      case REPA -> RepaRecipe.read(root.section(RepaRecipe.SECTION));
    };
  }
}
