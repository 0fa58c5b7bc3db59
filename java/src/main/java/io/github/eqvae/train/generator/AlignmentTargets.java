package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.train.recipe.RecipeFields;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The features that a recipe's network is aligned with, read beside the latents or computed:
 * checked against the recipe before anything is trained on them.
 */
final class AlignmentTargets implements AutoCloseable {
  private static final int HASH_SHOWN = 12;

  private final LatentFolder folder;
  private final FeatureSource source;
  private final List<FeatureGrid> grids;

  private AlignmentTargets(LatentFolder folder, FeatureSource source) {
    this.folder = folder;
    this.source = source;
    grids = source.grids();
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
    String whose = source.origin(0) + ": its features are ";
    String network = joined(source.grids(), FeatureGrid::network);
    if (!asked.network().equals(AlignmentRecipe.ANY) && !asked.network().equals(network)) {
      throw new EqvaeException.Argument(
          whose
              + "those of "
              + FileNames.shown(network)
              + ", the recipe wants those of "
              + asked.network()
              + " (alignment.network); "
              + source.advice());
    }
    String sha256 = joined(source.grids(), FeatureGrid::sha256);
    if (!asked.sha256().equals(AlignmentRecipe.ANY) && !asked.sha256().equals(sha256)) {
      throw new EqvaeException.Argument(
          whose
              + "those of a network with other weights: SHA-256 "
              + FileNames.shown(sha256)
              + ", the recipe wants "
              + asked.sha256()
              + " (alignment.sha256)");
    }
    int tokens = ComputedFeatures.tokens(recipe);
    for (int k = 0; k < source.grids().size(); k++) {
      requireShape(source, k, asked.width().get(k), tokens);
    }
  }

  private static void requireShape(FeatureSource source, int network, int width, int tokens) {
    FeatureGrid there = source.grids().get(network);
    String whose = source.origin(network) + ": its features are ";
    if (width != there.width()) {
      throw new EqvaeException.Argument(
          whose
              + there.width()
              + " wide, the recipe's projector gives "
              + width
              + "; set alignment.width="
              + AlignmentRecipe.oneOrMore(
                  source.grids().stream().map(FeatureGrid::width).toList()));
    }
    if (tokens != there.side()) {
      throw new EqvaeException.Argument(
          whose
              + "a grid of %d×%d, the network has %d×%d tokens; encode with --features-grid %d, or"
                  .formatted(there.side(), there.side(), tokens, tokens, tokens)
              + " change model.patch");
    }
  }

  /** Something of each network, with commas between. */
  private static String joined(List<FeatureGrid> grids, Function<FeatureGrid, String> what) {
    return grids.stream().map(what).collect(Collectors.joining(","));
  }

  /** The networks that make the features, with commas between, as in REPA's {@code enc_type}. */
  String network() {
    return joined(grids, FeatureGrid::network);
  }

  /** The hashes of their weights, with commas between. */
  String sha256() {
    return joined(grids, FeatureGrid::sha256);
  }

  /** How their inputs are made, with commas between. */
  String preprocessing() {
    return joined(grids, FeatureGrid::preprocessing);
  }

  /** The same for the file of the trained network. */
  AlignmentOrigin origin(GeneratorRecipe recipe) {
    return new AlignmentOrigin(recipe.alignment().shape().orElseThrow(), network(), sha256());
  }

  /** Such as {@code A and B}, with {@link #text} of each. */
  String describe() {
    return grids.stream().map(AlignmentTargets::text).collect(Collectors.joining(" and "))
        + source.how();
  }

  /**
   * Such as {@code dinov2-base (768 wide, 16×16), weights 0b8b82f85de9, input: ImageNet's mean and
   * deviation, then bicubic to 224 pixels; positions as timm fits them}.
   */
  static String text(FeatureGrid grid) {
    return "%s (%d wide, %d×%d), weights %s, input: %s"
        .formatted(
            FileNames.shown(grid.network()),
            grid.width(),
            grid.side(),
            grid.side(),
            FileNames.shown(
                grid.sha256().substring(0, Math.min(HASH_SHOWN, grid.sha256().length()))),
            FileNames.shown(grid.preprocessing()));
  }

  /**
   * Gets the features of images. Used by one thread.
   *
   * @param images their numbers in the folder
   * @param mirrored whether those of the mirrored picture are wanted, for each
   * @param out receives {@code [N, T, width]} of each network
   * @throws IOException when a picture cannot be read
   * @throws EqvaeException.Argument if they are not finite
   */
  void read(int[] images, boolean[] mirrored, List<float[]> out) throws IOException {
    source.read(images, mirrored, out);
    for (int k = 0; k < grids.size(); k++) {
      int each = grids.get(k).side() * grids.get(k).side() * grids.get(k).width();
      requireFinite(images, out.get(k), each);
    }
  }

  private void requireFinite(int[] images, float[] features, int each) {
    for (int i = 0; i < images.length * each; i++) {
      if (!Float.isFinite(features[i])) {
        throw new EqvaeException.Argument(
            "the features of "
                + FileNames.shown(folder.name(images[i / each]))
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
