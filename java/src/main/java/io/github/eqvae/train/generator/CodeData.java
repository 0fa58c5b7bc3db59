package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/**
 * The codes that a recipe names: checked against the recipe, split into what is trained on and what
 * is held out. May be read by several threads.
 */
public final class CodeData extends FolderData {
  /** The largest number of pictures whose codes are counted. */
  private static final int COUNTED = 512;

  private final MaskGitRecipe recipe;

  /**
   * Opens the codes.
   *
   * @param recipe names them, and says what they are to be
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they do not fit the recipe; the message says what to do
   */
  public CodeData(MaskGitRecipe recipe) throws IOException {
    super(
        LatentFolder.openCodes(recipe.data().path()),
        recipe.data().path(),
        recipe.model().classes(),
        recipe.data().flips(),
        recipe.run().seed());
    this.recipe = recipe;
    try {
      check();
      split(recipe.data().validation(), "pictures");
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private void check() {
    MaskGitNetworkRecipe model = recipe.model();
    if (folder.side() != model.side()) {
      throw wrong(
          "codes of %d×%d, the recipe's network is for %d×%d; set model.side=%d"
              .formatted(folder.side(), folder.side(), model.side(), model.side(), folder.side()));
    }
    int size = folder.codebookSize();
    if (size > 0 && size != model.codes()) {
      throw wrong(
          "codes of a codebook with %,d entries, the recipe's network is for %,d; set model.codes=%d"
              .formatted(size, model.codes(), size));
    }
    requireLabels(
        "the codes have no labels, and MaskGIT needs them; encode labelled pictures (folders of"
            + " classes, or --labels)");
  }

  /** Codes are not scaled. */
  @Override
  public LatentScaling wholeScaling() {
    return LatentScaling.of(1, 0);
  }

  /** The number of pictures, and how many codes of the codebook are in use. */
  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "codes of %s to train on%s, %,d held out; %,d of %,d codes are in use in %s",
        Counts.of(trainingSize(), "picture"),
        flips() ? " and as many mirrored" : "",
        heldOut().length,
        used(),
        recipe.model().codes(),
        Counts.of(Math.min(COUNTED, trainingSize()), "picture"));
  }

  /** How many different codes there are in some pictures, evenly spaced. */
  int used() {
    int count = Math.min(COUNTED, trainingSize());
    BitSet seen = new BitSet(recipe.model().codes());
    int[] codes = new int[tokens()];
    for (int i = 0; i < count; i++) {
      read(spaced(i, count), false, codes, 0);
      Arrays.stream(codes).forEach(seen::set);
    }
    return seen.cardinality();
  }

  @Override
  public List<String> notes() {
    return lacksFlips()
        ? List.of(
            "there are no codes of mirrored pictures, so data.flips does nothing; encode --hflip"
                + " makes them")
        : List.of();
  }

  /** Codes of a picture. */
  int tokens() {
    return recipe.model().side() * recipe.model().side();
  }

  /** Reads the codes of a picture, row by row; refuses codes outside the codebook. */
  void read(int image, boolean mirrored, int[] out, int at) {
    folder.readCodes(image, mirrored, out, at);
    for (int i = at; i < at + tokens(); i++) {
      if (out[i] < 0 || out[i] >= recipe.model().codes()) {
        throw wrong(
            "%s has the code %d; the network knows 0 to %d (model.codes)"
                .formatted(
                    FileNames.shown(folder.name(image)), out[i], recipe.model().codes() - 1));
      }
    }
  }
}
