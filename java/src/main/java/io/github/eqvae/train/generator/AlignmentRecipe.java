package io.github.eqvae.train.generator;

import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Section {@code alignment}: in addition to denoising, the network's tokens learn to predict the
 * features that a frozen network computes for the clean picture (REPA, arXiv 2410.06940). The
 * features lie beside the latents ({@code encode --features}), or {@code encoder} computes them
 * while the generator trains. Of several encoders each has a projector of its own, and the loss is
 * the mean of theirs.
 *
 * @param coefficient weight of the alignment loss, which is added to the loss of the kind; with 0
 *     there is no alignment, and the other keys have no effect; default 0, 0.5 for {@code
 *     model.kind: repa}. Source: REPA: train.py, {@code proj-coeff}
 * @param depth number of blocks before the projector; default 8. Source: REPA: train.py, {@code
 *     encoder-depth}
 * @param hidden width inside the projector; default 2048. Source: REPA: models/sit.py, {@code
 *     projector_dim}
 * @param width width of a feature vector, or a list of them, one for each {@code encoder}; default
 *     768. Source: REPA: models/sit.py, for DINOv2-B
 * @param network name that the network must have whose features these are, such as {@code
 *     dinov2-base}; of several networks all, with commas between; default {@code any}. Source:
 *     ours: no check
 * @param sha256 hash that its weights must have, or hashes with commas between; default {@code
 *     any}. Source: ours: no check
 * @param positions whose way of fitting a vision transformer's table of positions {@code
 *     index.json} must name ({@code encode --features-positions}): {@code timm}, {@code hub} or
 *     {@code transformers}; default {@code any}, which for an {@code encoder} is {@code timm}, as
 *     in REPA. Source: ours: no check
 * @param encoder network that computes the features of each batch while the generator trains, as
 *     REPA does: a file or run that {@code encode --features} takes, or a list of them; default
 *     none: the features lie beside the latents. Source: ours
 * @param images pictures for {@code encoder}: those that the latents were made of, at the place
 *     where they are now; default the path that {@code index.json} names. Source: ours
 * @param pixels how pictures are prepared for {@code encoder}, as {@code encode --features-pixels};
 *     default {@code dinov2}. Source: REPA: train.py, {@code preprocess_raw_image}
 * @param heads heads of {@code encoder}, if they do not have 64 channels, as {@code encode
 *     --features-heads}, or a list of them; default 0: one per 64 channels. Source: ours
 */
public record AlignmentRecipe(
    double coefficient,
    int depth,
    int hidden,
    List<Integer> width,
    String network,
    String sha256,
    Positions positions,
    List<Path> encoder,
    Optional<Path> images,
    FeaturePixels pixels,
    List<Integer> heads) {
  static final String SECTION = "alignment";

  /** The most encoders. */
  private static final int MOST = 8;

  /** Keys of lists that may be written as their only element. */
  private static final String[] LISTS = {"width", "encoder", "heads"};

  /**
   * Keys that say where features come from. They may change while a run is stopped, from stored
   * features to computed ones, too: latents.json says which features they must be.
   */
  static final Set<String> SOURCES =
      Set.of(SECTION + ".encoder", SECTION + ".images", SECTION + ".heads", SECTION + ".pixels");

  /** No check: whatever the folder of latents has. */
  static final String ANY = "any";

  private static final double PUBLISHED = 0.5;

  /** The ways of fitting a table of positions that a recipe can ask for. */
  public enum Positions {
    /** No check. */
    ANY,
    /** timm's, which REPA follows. */
    TIMM,
    /** torch.hub's. */
    HUB,
    /** Those of the transformers library. */
    TRANSFORMERS
  }

  /** Copies the lists. */
  public AlignmentRecipe {
    width = List.copyOf(width);
    encoder = List.copyOf(encoder);
    heads = List.copyOf(heads);
  }

  static AlignmentRecipe read(RecipeNode.Section root, RecipeFields all, NetworkRecipe model) {
    if (root.entries().get(SECTION) instanceof RecipeNode.Section section) {
      section.listed(LISTS);
    }
    RecipeFields in = all.section(SECTION);
    return new AlignmentRecipe(
        in.number(
            "coefficient",
            model.kind() == NetworkRecipe.Kind.REPA ? PUBLISHED : 0,
            Range.NOT_NEGATIVE),
        in.integer("depth", 8, 1, 1024),
        in.integer("hidden", 2048, 1, 1 << 16),
        in.integers("width", List.of(768), 1, 1 << 16, MOST),
        in.text("network", ANY, "a name, or any", name -> !name.isBlank()),
        in.text(
            "sha256",
            ANY,
            "64 hexadecimal digits, or any",
            hash -> hash.equals(ANY) || hash.matches("[0-9a-f]{64}(,[0-9a-f]{64})*")),
        in.choice("positions", Positions.ANY),
        in.paths("encoder", MOST),
        in.optionalPath("images"),
        in.choice("pixels", FeaturePixels.DINOV2),
        in.integers("heads", List.of(0), 0, 1024, MOST));
  }

  /**
   * Whether there is an alignment.
   *
   * @return true if {@code coefficient} is above 0
   */
  public boolean isOn() {
    return coefficient > 0;
  }

  /**
   * The projector.
   *
   * @return empty without alignment
   */
  public Optional<Alignment> shape() {
    return isOn() ? Optional.of(new Alignment(depth, hidden, width)) : Optional.empty();
  }

  /** Refuses lists of other lengths than that of the encoders. */
  void check(RecipeProblems problems) {
    if (width.size() != Math.max(1, encoder.size())) {
      problems.add(
          SECTION + ".width",
          encoder.isEmpty()
              ? "features beside the latents have one width; several networks are named with"
                  + " alignment.encoder"
              : "%d for %d encoders".formatted(width.size(), encoder.size()));
    }
    if (heads.size() != 1 && heads.size() != encoder.size()) {
      problems.add(
          SECTION + ".heads", "%d for %d encoders".formatted(heads.size(), encoder.size()));
    }
  }

  /**
   * How an encoder computes features.
   *
   * @param number which, from 0
   * @param grid rows and columns of the tokens
   */
  FeatureNetworks.Options options(int number, int grid) {
    int count = heads.get(heads.size() == 1 ? 0 : number);
    PositionResize rule =
        switch (positions) {
          case ANY, TIMM -> PositionResize.TIMM;
          case HUB -> PositionResize.HUB;
          case TRANSFORMERS -> PositionResize.TRANSFORMERS;
        };
    return new FeatureNetworks.Options(
        grid, pixels, rule, count == 0 ? OptionalInt.empty() : OptionalInt.of(count));
  }

  /** Whether a key says how {@code encoder} works although there is none. */
  boolean saysMoreThanIsUsed() {
    return encoder.isEmpty()
        && (images.isPresent() || !heads.equals(List.of(0)) || pixels != FeaturePixels.DINOV2);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("coefficient", coefficient);
    map.put("depth", depth);
    map.put("hidden", hidden);
    map.put("width", oneOrMore(width));
    map.put("network", network);
    map.put("sha256", sha256);
    map.put("positions", RecipeFields.name(positions));
    map.put("encoder", oneOrMore(encoder));
    map.put("images", images.map(Path::toString));
    map.put("pixels", RecipeFields.name(pixels));
    map.put("heads", oneOrMore(heads));
    return map;
  }

  /** As it is written: a list of one is its element. */
  static Object oneOrMore(List<?> list) {
    return list.size() == 1 ? list.getFirst() : list;
  }
}
