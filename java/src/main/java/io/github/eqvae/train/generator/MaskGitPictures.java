package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.PhiloxDraws;
import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Pictures that a run makes while it trains, each time with the same draws and labels. */
final class MaskGitPictures {
  private static final int COLUMNS = 8;

  /** Makes these draws different from those of samples that users make ("shown" in ASCII). */
  private static final long SHOWN = 0x73686F776EL;

  /** The same for samples whose distance is measured ("real" in ASCII). */
  private static final long MEASURED = 0x7265616CL;

  private final MaskGitRecipe recipe;
  private final MaskGitSamplesRecipe settings;
  private final long purpose;
  private final CodeDecoder decoder;

  private MaskGitPictures(
      MaskGitRecipe recipe, MaskGitSamplesRecipe settings, long purpose, CodeDecoder decoder) {
    this.recipe = recipe;
    this.settings = settings;
    this.purpose = purpose;
    this.decoder = decoder;
  }

  /** Those that the report and the folder of samples show. */
  static MaskGitPictures shown(MaskGitRecipe recipe, CodeDecoder decoder) {
    return new MaskGitPictures(recipe, recipe.samples(), SHOWN, decoder);
  }

  /** Those that are compared with real images, of each class in turn. */
  static MaskGitPictures measured(MaskGitRecipe recipe, CodeDecoder decoder) {
    return new MaskGitPictures(
        recipe,
        recipe.samples().measured(recipe.distance(), recipe.model().classes()),
        MEASURED,
        decoder);
  }

  /** The labels shown, one per picture. */
  int[] labels() {
    List<Integer> asked = settings.labels();
    int[] labels = new int[settings.count()];
    Arrays.setAll(
        labels,
        i ->
            asked.isEmpty()
                ? i % Math.min(recipe.model().classes(), COLUMNS)
                : asked.get(i % asked.size()));
    return labels;
  }

  /** Rows of pictures, a column for each label where they fit. */
  Image picture(CodeSampling network) throws IOException {
    List<Image> tiles = images(network);
    int classes = recipe.model().classes();
    int columns = LabelledGrid.columns(settings.labels().size(), classes, tiles.size());
    return LabelledGrid.of(tiles, labels(), columns);
  }

  /** All pictures. */
  List<Image> images(CodeSampling network) throws IOException {
    return decoder.decode(codes(network), network.stream());
  }

  /** Codes of all pictures. */
  List<int[]> codes(CodeSampling network) {
    int[] labels = labels();
    int batch = settings.batch();
    List<int[]> all = new ArrayList<>();
    for (int from = 0; from < labels.length; from += batch) {
      int first = from;
      int[] part = Arrays.copyOfRange(labels, from, Math.min(labels.length, from + batch));
      all.addAll(
          network.sample(
              settings.sampler(),
              i -> new PhiloxDraws(recipe.run().seed() ^ purpose, first + i),
              part));
    }
    return all;
  }
}
