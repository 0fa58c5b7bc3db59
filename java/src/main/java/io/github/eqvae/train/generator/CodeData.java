package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.EpochOrder;
import io.github.eqvae.data.Split;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The codes that a recipe names: checked against the recipe, split into what is trained on and what
 * is held out. May be read by several threads.
 */
public final class CodeData implements LatentsSource, AutoCloseable {
  /** The largest number of pictures whose codes are counted. */
  private static final int COUNTED = 512;

  private final MaskGitRecipe recipe;
  private final LatentFolder folder;
  private final int[] training;
  private final int[] heldOut;

  /**
   * Opens the codes.
   *
   * @param recipe names them, and says what they are to be
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they do not fit the recipe; the message says what to do
   */
  public CodeData(MaskGitRecipe recipe) throws IOException {
    this.recipe = recipe;
    folder = LatentFolder.openCodes(recipe.data().path());
    try {
      check();
      int held = recipe.data().validation();
      if (held >= folder.size()) {
        throw wrong(
            "data.validation holds out %d of %d pictures, and leaves none to train on"
                .formatted(held, folder.size()));
      }
      heldOut = held == 0 ? new int[0] : Split.heldOut(folder.size(), held, recipe.run().seed());
      training =
          IntStream.range(0, folder.size())
              .filter(i -> Arrays.binarySearch(heldOut, i) < 0)
              .toArray();
    } catch (RuntimeException | Error e) {
      folder.close();
      throw e;
    }
  }

  private EqvaeException.Argument wrong(String what) {
    return new EqvaeException.Argument(recipe.data().path() + ": " + what);
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
    if (!folder.isLabelled()) {
      throw wrong(
          "the codes have no labels, and MaskGIT needs them; encode labelled pictures (folders of"
              + " classes, or --labels)");
    }
    int largest = IntStream.range(0, folder.size()).map(folder::label).max().orElse(0);
    int smallest = IntStream.range(0, folder.size()).map(folder::label).min().orElse(0);
    if (smallest < 0 || largest >= model.classes()) {
      throw wrong(
          "labels go from %d to %d, the network has classes 0 to %d; set model.classes=%d"
              .formatted(smallest, largest, model.classes() - 1, largest + 1));
    }
  }

  /** Codes are not scaled. */
  @Override
  public LatentScaling wholeScaling() {
    return LatentScaling.of(1, 0);
  }

  @Override
  public Optional<String> weights() {
    return folder.weights();
  }

  @Override
  public Optional<Path> model() {
    return folder.model();
  }

  @Override
  public int images() {
    return folder.size();
  }

  /** What the labels are called: as many as the network has classes, or none. */
  List<String> classes() {
    List<String> names = folder.classes();
    return names.size() == recipe.model().classes() ? names : List.of();
  }

  /** The number of pictures, and how many codes of the codebook are in use. */
  String describe() {
    return String.format(
        Locale.ROOT,
        "codes of %,d pictures to train on%s, %,d held out; %,d of %,d codes are in use in %,d"
            + " pictures",
        training.length,
        flips() ? " and as many mirrored" : "",
        heldOut.length,
        used(),
        recipe.model().codes(),
        Math.min(COUNTED, training.length));
  }

  /** How many different codes there are in some pictures, evenly spaced. */
  int used() {
    int count = Math.min(COUNTED, training.length);
    BitSet seen = new BitSet(recipe.model().codes());
    int[] codes = new int[tokens()];
    for (int i = 0; i < count; i++) {
      read(training[(int) ((long) i * training.length / count)], false, codes, 0);
      Arrays.stream(codes).forEach(seen::set);
    }
    return seen.cardinality();
  }

  /** Warnings about the data. */
  List<String> notes() {
    return recipe.data().flips() && !folder.isMirrored()
        ? List.of(
            "there are no codes of mirrored pictures, so data.flips does nothing; encode --hflip"
                + " makes them")
        : List.of();
  }

  /** Codes of a picture. */
  int tokens() {
    return recipe.model().side() * recipe.model().side();
  }

  /** Whether codes of mirrored pictures exist and the recipe asks for them. */
  boolean flips() {
    return recipe.data().flips() && folder.isMirrored();
  }

  /** How many pictures are trained on. */
  int trainingSize() {
    return training.length;
  }

  /** The order of an epoch: numbers of pictures in the folder. */
  int[] order(long epoch) {
    int[] places = EpochOrder.permutation(recipe.run().seed(), epoch, training.length);
    return Arrays.stream(places).map(p -> training[p]).toArray();
  }

  /** The held-out pictures: their numbers in the folder, ascending. */
  int[] heldOut() {
    return heldOut.clone();
  }

  /** The names of the held-out pictures, in the folder's order. */
  List<String> heldOutNames() {
    return Arrays.stream(heldOut).mapToObj(folder::name).toList();
  }

  /** The label of a picture. */
  int label(int image) {
    return folder.label(image);
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

  @Override
  public void close() {
    folder.close();
  }
}
