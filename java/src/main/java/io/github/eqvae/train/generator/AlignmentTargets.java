package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;

/**
 * The features beside the latents that a recipe's network is aligned with: checked against the
 * recipe before anything is trained on them.
 */
final class AlignmentTargets {
  private final LatentFolder folder;
  private final FeatureGrid grid;

  private AlignmentTargets(LatentFolder folder, FeatureGrid grid) {
    this.folder = folder;
    this.grid = grid;
  }

  /**
   * Checks that the features are those that the recipe asks for.
   *
   * @param recipe with an alignment
   * @param folder its latents
   * @throws EqvaeException.Argument when they are missing, or different; the message says what to
   *     do
   */
  static AlignmentTargets of(GeneratorRecipe recipe, LatentFolder folder) {
    AlignmentRecipe asked = recipe.alignment();
    Path path = recipe.data().path();
    FeatureGrid there =
        folder
            .features()
            .orElseThrow(
                () ->
                    new EqvaeException.Argument(
                        path
                            + " has no features to align with; encode again with --features"
                            + " NETWORK, or set alignment.coefficient=0"));
    String whose = path + ": its features are ";
    if (!asked.network().equals(AlignmentRecipe.ANY) && !asked.network().equals(there.network())) {
      throw new EqvaeException.Argument(
          whose
              + "those of "
              + FileNames.shown(there.network())
              + ", the recipe wants those of "
              + asked.network()
              + " (alignment.network); encode with --features of that network");
    }
    if (!asked.sha256().equals(AlignmentRecipe.ANY) && !asked.sha256().equals(there.sha256())) {
      throw new EqvaeException.Argument(
          whose
              + "those of a network with other weights: SHA-256 "
              + FileNames.shown(there.sha256())
              + ", the recipe wants "
              + asked.sha256()
              + " (alignment.sha256)");
    }
    if (asked.positions() != AlignmentRecipe.Positions.ANY) {
      requirePositions(RecipeFields.name(asked.positions()), there, path);
    }
    if (asked.width() != there.width()) {
      throw new EqvaeException.Argument(
          whose
              + there.width()
              + " wide, the recipe's projector gives "
              + asked.width()
              + "; set alignment.width="
              + there.width());
    }
    int tokens = recipe.model().side() / recipe.model().patch();
    if (tokens != there.side()) {
      throw new EqvaeException.Argument(
          whose
              + "a grid of %d×%d, the network has %d×%d tokens; encode with --features-grid %d, or"
                  .formatted(there.side(), there.side(), tokens, tokens, tokens)
              + " change model.patch");
    }
    return new AlignmentTargets(folder, there);
  }

  /** The same weights give other features when their table of positions is fitted otherwise. */
  private static void requirePositions(String asked, FeatureGrid there, Path path) {
    if (there.positions().filter(asked::equals).isEmpty()) {
      throw new EqvaeException.Argument(
          path
              + ": "
              + there
                  .positions()
                  .map(rule -> "its features have positions fitted as " + FileNames.shown(rule))
                  .orElse(
                      "its index.json does not say how positions were fitted (networks without"
                          + " such a table have none)")
              + ", the recipe wants those of "
              + asked
              + " (alignment.positions); encode again with --features-positions "
              + asked
              + ", or set alignment.positions=any");
    }
  }

  /** The network that made the features. */
  FeatureGrid grid() {
    return grid;
  }

  /** The same for the file of the trained network. */
  AlignmentOrigin origin(GeneratorRecipe recipe) {
    return new AlignmentOrigin(
        recipe.alignment().shape().orElseThrow(), grid.network(), grid.sha256());
  }

  /**
   * Such as {@code dinov2-base (768 wide, 16×16), weights 0b8b82f85de9, input: ImageNet's mean and
   * deviation, then bicubic to 224 pixels; positions as timm fits them}.
   */
  String describe() {
    return "%s (%d wide, %d×%d), weights %s, input: %s"
        .formatted(
            FileNames.shown(grid.network()),
            grid.width(),
            grid.side(),
            grid.side(),
            FileNames.shown(grid.sha256().substring(0, Math.min(12, grid.sha256().length()))),
            FileNames.shown(grid.preprocessing()));
  }

  /** How many numbers the features of an image are. */
  int each() {
    return grid.side() * grid.side() * grid.width();
  }

  /**
   * Reads the features of an image, {@code [T, width]}.
   *
   * @throws EqvaeException.Argument if they are not finite
   */
  void read(int image, boolean mirrored, float[] out, int at) {
    folder.readFeatures(image, mirrored, out, at);
    for (int i = at; i < at + each(); i++) {
      if (!Float.isFinite(out[i])) {
        throw new EqvaeException.Argument(
            "the features of "
                + FileNames.shown(folder.name(image))
                + " are not finite (NaN or infinite): encode again, with another network or"
                + " without this picture");
      }
    }
  }
}
