package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.PhiloxDraws;
import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The pictures that a run shows while it trains: the same draws and labels each time. */
final class MaskGitPictures {
  private static final int GAP = 2;
  private static final int BACKGROUND = 255;
  private static final int COLUMNS = 8;

  /** Keeps these draws apart from those of samples that users make ("shown" in ASCII). */
  private static final long SHOWN = 0x73686F776EL;

  private final MaskGitRecipe recipe;
  private final CodeDecoder decoder;

  MaskGitPictures(MaskGitRecipe recipe, CodeDecoder decoder) {
    this.recipe = recipe;
    this.decoder = decoder;
  }

  /** The labels shown, one per picture. */
  int[] labels() {
    List<Integer> asked = recipe.samples().labels();
    int[] labels = new int[recipe.samples().count()];
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
    List<Image> tiles = decoder.decode(codes(network), network.stream());
    int asked = recipe.samples().labels().size();
    int columns = Math.min(asked > 1 ? asked : COLUMNS, tiles.size());
    return ImageGrid.of(tiles, columns, GAP, BACKGROUND);
  }

  /** Codes of all pictures. */
  List<int[]> codes(CodeSampling network) {
    int[] labels = labels();
    int batch = recipe.samples().batch();
    List<int[]> all = new ArrayList<>();
    for (int from = 0; from < labels.length; from += batch) {
      int first = from;
      int[] part = Arrays.copyOfRange(labels, from, Math.min(labels.length, from + batch));
      all.addAll(
          network.sample(
              recipe.samples().sampler(),
              i -> new PhiloxDraws(recipe.run().seed() ^ SHOWN, first + i),
              part));
    }
    return all;
  }
}
