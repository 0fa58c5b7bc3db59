package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.EpochOrder;
import io.github.eqvae.data.Split;
import io.github.eqvae.latents.LatentFolder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What latents and codes have in common: a folder with labels, split into what is trained on and
 * what is held out. May be read by several threads.
 */
abstract class FolderData implements LatentsSource, AutoCloseable {
  /** What is read; closed together with this. */
  final LatentFolder folder;

  private final Path path;
  private final int classes;
  private final boolean flips;
  private final long seed;
  private int[] training = {};
  private int[] heldOut = {};

  /**
   * Data without a split, which {@link #split} makes.
   *
   * @param folder what is read; owned by this
   * @param path its name in messages
   * @param classes of the network
   * @param flips whether the recipe asks for mirrored pictures
   * @param seed of the split and the order
   */
  FolderData(LatentFolder folder, Path path, int classes, boolean flips, long seed) {
    this.folder = folder;
    this.path = path;
    this.classes = classes;
    this.flips = flips;
    this.seed = seed;
  }

  /** Holds some out. Called once, by the constructor, after the folder has been checked. */
  final void split(int held, String what) {
    if (held >= folder.size()) {
      throw wrong(
          "data.validation holds out %d of %d %s, and leaves none to train on"
              .formatted(held, folder.size(), what));
    }
    heldOut = held == 0 ? new int[0] : Split.heldOut(folder.size(), held, seed);
    training =
        IntStream.range(0, folder.size())
            .filter(i -> Arrays.binarySearch(heldOut, i) < 0)
            .toArray();
  }

  /** An error that names the folder. */
  final EqvaeException.Argument wrong(String what) {
    return new EqvaeException.Argument(path + ": " + what);
  }

  /** Refuses a folder without labels, and labels that the network does not have. */
  final void requireLabels(String unlabelled) {
    if (!folder.isLabelled()) {
      throw wrong(unlabelled);
    }
    int largest = IntStream.range(0, folder.size()).map(folder::label).max().orElse(0);
    int smallest = IntStream.range(0, folder.size()).map(folder::label).min().orElse(0);
    if (smallest < 0 || largest >= classes) {
      throw wrong(
          "labels go from %d to %d, the network has classes 0 to %d; set model.classes=%d"
              .formatted(smallest, largest, classes - 1, largest + 1));
    }
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

  /**
   * How many there are.
   *
   * @return one line
   */
  public abstract String describe();

  /**
   * Warnings about the data.
   *
   * @return one sentence each
   */
  public abstract List<String> notes();

  /**
   * What the labels are called.
   *
   * @return as many as the network has classes, or none
   */
  public List<String> classes() {
    List<String> names = folder.classes();
    return names.size() == classes ? names : List.of();
  }

  /** Whether data of mirrored pictures exist and the recipe asks for them. */
  final boolean flips() {
    return flips && folder.isMirrored();
  }

  /** Whether the recipe asks for mirrored pictures that do not exist. */
  final boolean lacksFlips() {
    return flips && !folder.isMirrored();
  }

  /**
   * Pictures to train on.
   *
   * @return the count
   */
  public int trainingSize() {
    return training.length;
  }

  /**
   * Names of the pictures to train on.
   *
   * @return in the folder's order
   */
  final Stream<String> trainingNames() {
    return Arrays.stream(training).mapToObj(folder::name);
  }

  /** Number i of {@code count} pictures that are trained on, evenly spaced. */
  final int spaced(int i, int count) {
    return training[(int) ((long) i * training.length / count)];
  }

  /**
   * The first pictures of the first epoch: an even choice also of a folder in the order of classes.
   *
   * @param count how many
   * @return numbers in the folder; fewer if there are fewer to train on
   */
  final int[] first(int count) {
    return Arrays.copyOf(order(0), Math.min(count, training.length));
  }

  /** The order of an epoch: numbers of pictures in the folder. */
  final int[] order(long epoch) {
    int[] places = EpochOrder.permutation(seed, epoch, training.length);
    return Arrays.stream(places).map(p -> training[p]).toArray();
  }

  /**
   * The held-out pictures.
   *
   * @return numbers in the folder, ascending
   */
  public int[] heldOut() {
    return heldOut.clone();
  }

  /**
   * The names of the held-out pictures.
   *
   * @return in the folder's order
   */
  public List<String> heldOutNames() {
    return Arrays.stream(heldOut).mapToObj(folder::name).toList();
  }

  /**
   * The label of a picture.
   *
   * @param image its number in the folder
   * @return 0 for the first class
   */
  public int label(int image) {
    return folder.label(image);
  }

  @Override
  public void close() {
    folder.close();
  }
}
