package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.train.recipe.RecipeFields;
import java.io.IOException;

/**
 * The features that a recipe's network is aligned with, read beside the latents or computed:
 * checked against the recipe before anything is trained on them.
 */
final class AlignmentTargets implements AutoCloseable {
  private static final int HASH_SHOWN = 12;

  private final LatentFolder folder;
  private final FeatureSource source;
  private final FeatureGrid grid;

  private AlignmentTargets(LatentFolder folder, FeatureSource source) {
    this.folder = folder;
    this.source = source;
    grid = source.grid();
  }

  /**
   * Checks that the features are those that the recipe asks for.
   *
   * @param recipe with an alignment
   * @param folder its latents; stays the caller's
   * @throws IOException when a network or pictures cannot be read
   * @throws EqvaeException.Argument when they are missing, or different; the message says what to
   *     do
   */
  static AlignmentTargets of(GeneratorRecipe recipe, LatentFolder folder) throws IOException {
    AlignmentRecipe asked = recipe.alignment();
    if (asked.encoder().isEmpty()) {
      CachedFeatures cached = CachedFeatures.of(recipe.data().path(), folder);
      require(recipe, cached);
      if (asked.positions() != AlignmentRecipe.Positions.ANY) {
        cached.requirePositions(RecipeFields.name(asked.positions()));
      }
      return new AlignmentTargets(folder, cached);
    }
    ComputedFeatures computed = ComputedFeatures.open(recipe, folder);
    try {
      require(recipe, computed);
      computed.requireAlone(asked, folder);
      return new AlignmentTargets(folder, computed);
    } catch (RuntimeException | Error e) {
      computed.close();
      throw e;
    }
  }

  private static void require(GeneratorRecipe recipe, FeatureSource source) {
    AlignmentRecipe asked = recipe.alignment();
    FeatureGrid there = source.grid();
    String whose = source.origin() + ": its features are ";
    if (!asked.network().equals(AlignmentRecipe.ANY) && !asked.network().equals(there.network())) {
      throw new EqvaeException.Argument(
          whose
              + "those of "
              + FileNames.shown(there.network())
              + ", the recipe wants those of "
              + asked.network()
              + " (alignment.network); "
              + source.advice());
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
    if (asked.width() != there.width()) {
      throw new EqvaeException.Argument(
          whose
              + there.width()
              + " wide, the recipe's projector gives "
              + asked.width()
              + "; set alignment.width="
              + there.width());
    }
    int tokens = ComputedFeatures.tokens(recipe);
    if (tokens != there.side()) {
      throw new EqvaeException.Argument(
          whose
              + "a grid of %d×%d, the network has %d×%d tokens; encode with --features-grid %d, or"
                  .formatted(there.side(), there.side(), tokens, tokens, tokens)
              + " change model.patch");
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
    return "%s (%d wide, %d×%d), weights %s, input: %s%s"
        .formatted(
            FileNames.shown(grid.network()),
            grid.width(),
            grid.side(),
            grid.side(),
            shown(grid.sha256()),
            FileNames.shown(grid.preprocessing()),
            source.how());
  }

  /** The beginning of a hash. */
  static String shown(String hash) {
    return FileNames.shown(hash.substring(0, Math.min(HASH_SHOWN, hash.length())));
  }

  /** How many numbers the features of an image are. */
  int each() {
    return grid.side() * grid.side() * grid.width();
  }

  /**
   * Gets the features of images. Used by one thread.
   *
   * @param images their numbers in the folder
   * @param mirrored whether those of the mirrored picture are wanted, for each
   * @param out receives {@code [N, T, width]}
   * @throws IOException when a picture cannot be read
   * @throws EqvaeException.Argument if they are not finite
   */
  void read(int[] images, boolean[] mirrored, float[] out) throws IOException {
    source.read(images, mirrored, out);
    for (int i = 0; i < images.length * each(); i++) {
      if (!Float.isFinite(out[i])) {
        throw new EqvaeException.Argument(
            "the features of "
                + FileNames.shown(folder.name(images[i / each()]))
                + " are not finite (NaN or infinite): take another network, or encode again"
                + " without this picture");
      }
    }
  }

  @Override
  public void close() {
    source.close();
  }
}
