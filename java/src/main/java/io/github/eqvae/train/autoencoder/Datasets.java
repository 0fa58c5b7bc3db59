package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.CacheBudget;
import io.github.eqvae.data.CachedDataset;
import io.github.eqvae.data.EqualPictures;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.Loader;
import io.github.eqvae.data.LoaderOptions;
import io.github.eqvae.data.Split;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Notices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The images a recipe names: what is trained on and what is held out. */
public final class Datasets {
  private static final int BLACK = 0;
  private static final int AHEAD = 3;

  private final AutoencoderRecipe recipe;
  private final ImageDataset training;
  private final ImageDataset heldOut;

  /** Whether both are parts of one data set. */
  private final boolean isSplit;

  /**
   * Opens the images.
   *
   * @param recipe the recipe
   * @param onSkip told name and cause of each broken file, once
   * @throws IOException when the folder or file cannot be read
   * @throws EqvaeException.Argument when there are too few images
   */
  public Datasets(AutoencoderRecipe recipe, BiConsumer<String, String> onSkip) throws IOException {
    this.recipe = recipe;
    DataRecipe d = recipe.data();
    Source all = open("data.path", d.path(), onSkip);
    long asked = (long) d.cacheMegabytes() << 20;
    long most = CacheBudget.mostOfHeap();
    if (asked + d.latentsCacheBytes() > most) {
      int both = d.cacheMegabytes() + d.cacheLatentsMegabytes();
      Notices.once(
          "cache",
          String.format(
              Locale.ROOT,
              "%s is %d, and half of Java's heap is %d MB: no more is kept."
                  + " Results are the same; JAVA_TOOL_OPTIONS=-Xmx%dm would hold it.",
              d.latentsCacheBytes() == 0
                  ? "data.cache_megabytes"
                  : "data.cache_megabytes with cache_latents_megabytes",
              both,
              most >> 20,
              3L * both));
    }
    CacheBudget cache = new CacheBudget(Math.min(asked, most - latentsCacheBytes(d)));
    if (d.validationPath().isPresent()) {
      Source held = open("data.validation_path", d.validationPath().get(), onSkip);
      training = withoutHeldOut(all, held, cached(all.images, cache));
      heldOut = cached(held.images, cache);
      isSplit = false;
      return;
    }
    int held = d.validation();
    int size = all.images.size();
    if (size <= held) {
      throw new EqvaeException.Argument(
          d.path()
              + " holds "
              + Counts.of(size, "image")
              + ", of which data.validation holds out "
              + held
              + ": none is left to train on. Lower it: --set data.validation="
              + Math.max(0, size / 10));
    }
    ImageDataset images = cached(all.images, cache);
    isSplit = held > 0;
    if (held == 0) {
      training = images;
      heldOut = images;
    } else {
      Split split = Split.random(images, held, recipe.run().seed());
      training =
          all.folder.isPresent()
              ? withoutCopies(split.train(), all.folder.get(), held)
              : split.train();
      heldOut = split.validation();
    }
  }

  /** The memory for latents, of the half of Java's heap that all caches share. */
  static long latentsCacheBytes(DataRecipe d) {
    return Math.min(d.latentsCacheBytes(), CacheBudget.mostOfHeap());
  }

  /** Images as they were opened; the folder if they are files. */
  private record Source(ImageDataset images, Optional<ImageFolder> folder, Path path) {}

  private Source open(String key, Path path, BiConsumer<String, String> onSkip) throws IOException {
    if (!Files.exists(path)) {
      throw new EqvaeException.Argument(
          key
              + " is "
              + path
              + ", but there is nothing there. Name a folder of pictures: --set "
              + key
              + "=DIR");
    }
    if (recipe.data().kind() == DataRecipe.Kind.IDX) {
      return new Source(IdxDataset.open(path), Optional.empty(), path);
    }
    ImageFolder folder = ImageFolder.open(path, recipe.data().decode(), onSkip);
    return new Source(folder, Optional.of(folder), path);
  }

  private ImageDataset cached(ImageDataset source, CacheBudget cache) {
    DataRecipe d = recipe.data();
    return d.shrink() == 0 && d.cacheMegabytes() == 0
        ? source
        : new CachedDataset(source, d.shrink() == 0 ? Integer.MAX_VALUE : d.shrink(), cache);
  }

  /** Pictures to train on, without those that are held out, too. */
  private ImageDataset withoutHeldOut(Source all, Source held, ImageDataset images)
      throws IOException {
    if (all.folder.isEmpty() || held.folder.isEmpty()) {
      if (Files.mismatch(all.path, held.path) < 0) {
        throw new EqvaeException.Argument(
            "data.path and data.validation_path are the same images: "
                + all.path
                + " and "
                + held.path
                + ". What is held out must not be trained on; name others, or hold some out by"
                + " data.validation");
      }
      return images;
    }
    ImageFolder folder = all.folder.get();
    EqualPictures equal =
        new EqualPictures(held.folder.get(), IntStream.range(0, held.images.size()));
    int[] kept = new int[folder.size()];
    int count = 0;
    String example = "";
    for (int i = 0; i < kept.length; i++) {
      if (equal.contains(folder, i)) {
        example = folder.name(i);
      } else {
        kept[count++] = i;
      }
    }
    if (count == 0) {
      throw new EqvaeException.Argument(
          "All images of data.path "
              + all.path
              + " are also held out by data.validation_path "
              + held.path
              + ": none is left to train on");
    }
    if (count == kept.length) {
      return images;
    }
    Notices.tell(
        String.format(
            Locale.ROOT,
            "%,d of %,d images of data.path are also in data.validation_path (the same files,"
                + " links or copies), such as %s: they are held out and not trained on",
            kept.length - count,
            kept.length,
            FileNames.shown(example)));
    return images.subset(Arrays.copyOf(kept, count));
  }

  /** Pictures to train on of a random split: no copies of those that are held out. */
  private ImageDataset withoutCopies(ImageDataset train, ImageFolder folder, int held)
      throws IOException {
    int[] heldOut = Split.heldOut(folder.size(), held, recipe.run().seed());
    EqualPictures equal = new EqualPictures(folder, Arrays.stream(heldOut));
    int[] kept = new int[train.size()];
    int count = 0;
    int at = 0; // in the order of the folder, as the split has it
    String example = "";
    for (int i = 0; i < folder.size(); i++) {
      if (Arrays.binarySearch(heldOut, i) >= 0) {
        continue;
      }
      if (equal.contains(folder, i)) {
        example = folder.name(i);
      } else {
        kept[count++] = at;
      }
      at++;
    }
    if (count == 0) {
      throw new EqvaeException.Argument(
          "All images of data.path "
              + recipe.data().path()
              + " are copies of the "
              + held
              + " that data.validation holds out: none is left to train on. Remove copies, name"
              + " other pictures to hold out (--set data.validation_path=DIR), or hold out none:"
              + " --set data.validation=0");
    }
    if (count == kept.length) {
      return train;
    }
    Notices.tell(
        String.format(
            Locale.ROOT,
            "%,d of %,d images of data.path are copies of held-out ones, such as %s: they are not"
                + " trained on",
            kept.length - count,
            folder.size(),
            FileNames.shown(example)));
    return train.subset(Arrays.copyOf(kept, count));
  }

  /**
   * How many images are trained on.
   *
   * @return the count
   */
  public int trainingSize() {
    return training.size();
  }

  /**
   * How many images are held out.
   *
   * @return the count, 0 when none is
   */
  public int heldOutSize() {
    return heldOut == training ? 0 : heldOut.size();
  }

  /**
   * Which images of {@code data.path} are held out.
   *
   * @return their names in the data set's order; none where {@code data.validation_path} has others
   */
  public List<String> heldOutNames() {
    return isSplit
        ? IntStream.range(0, heldOut.size()).mapToObj(heldOut::name).toList()
        : List.of();
  }

  /**
   * The images that are trained on.
   *
   * @return their names in the data set's order
   */
  Stream<String> trainingNames() {
    return IntStream.range(0, training.size()).mapToObj(training::name);
  }

  /**
   * Training batches from one on.
   *
   * @param firstBatch the first batch's index
   * @return a loader, to be closed
   */
  public Loader training(long firstBatch) {
    return training(firstBatch, 1);
  }

  /**
   * Each few training batches from one on.
   *
   * @param firstBatch the first batch's index
   * @param every how far the batches' indices lie apart
   * @return a loader, to be closed
   */
  public Loader training(long firstBatch, int every) {
    DataRecipe d = recipe.data();
    List<Transform> transforms = new ArrayList<>();
    pad(transforms);
    transforms.add(
        d.crop() == DataRecipe.Crop.RANDOM
            ? new Transform.RandomCrop(d.resolution(), d.cropMin())
            : centered());
    if (d.hflip()) {
      transforms.add(new Transform.HorizontalFlip(0.5));
    }
    return Loader.training(
        training, transforms, options(recipe.run().batchSize()), firstBatch, every);
  }

  /**
   * Held-out images, cut at the centre, in the data set's order.
   *
   * @param most how many at the most
   * @param batch how many at once
   * @return a pass over them, to be closed
   */
  public HeldOut heldOut(int most, int batch) {
    return pass(heldOut, most, batch);
  }

  /**
   * Some held-out images to show, evenly spaced from the first one on, because neighbours in a
   * folder are often alike.
   *
   * @param most as in {@link #heldOut(int, int)}
   * @param count how many
   * @return {@code [n, side, side, channels]} in [-1, 1], one after the other; fewer where there
   *     are fewer or some are broken
   * @throws IOException when none can be decoded
   */
  public float[] heldOutShown(int most, int count) throws IOException {
    int all = Math.min(most, heldOut.size());
    int n = Math.min(count, all);
    int[] apart = IntStream.range(0, n).map(i -> (int) ((long) i * all / n)).toArray();
    try (HeldOut pass = pass(heldOut.subset(apart), n, n)) {
      Optional<float[]> images = pass.next();
      if (images.isPresent()) {
        return images.get();
      }
    }
    try (HeldOut pass = pass(heldOut, most, n)) { // those were all broken
      return pass.next().orElseThrow(this::noneHeldOut);
    }
  }

  /**
   * The error of a pass that gives no image.
   *
   * @return the exception, to be thrown by the caller
   */
  public IOException noneHeldOut() {
    return new IOException(
        recipe.data().validationPath().orElse(recipe.data().path())
            + ": no held-out image could be decoded");
  }

  private HeldOut pass(ImageDataset images, int most, int batch) {
    List<Transform> transforms = new ArrayList<>();
    pad(transforms);
    transforms.add(centered());
    LoaderOptions one = options(1);
    int each = one.height() * one.width() * one.channels();
    return new HeldOut(Loader.evaluation(images, transforms, one), each, most, batch);
  }

  private Transform centered() {
    int side = recipe.data().resolution();
    return switch (recipe.data().crop()) {
      case ADM -> new Transform.AdmCenterCrop(side);
      case TORCHVISION -> new Transform.TorchvisionCenterCrop(side);
      case RANDOM, CENTER -> new Transform.CenterCrop(side);
    };
  }

  private void pad(List<Transform> transforms) throws EqvaeException {
    int pad = recipe.data().pad();
    if (pad > 0) {
      transforms.add(
          (image, random) ->
              new Transform.Pad(image.width() + 2 * pad, image.height() + 2 * pad, BLACK)
                  .apply(image, random));
    }
  }

  private LoaderOptions options(int batch) {
    DataRecipe d = recipe.data();
    return new LoaderOptions(
        batch,
        d.resolution(),
        d.resolution(),
        d.channels(),
        recipe.run().seed(),
        Math.max(1, d.workers()),
        AHEAD);
  }
}
