package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.CachedDataset;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.Loader;
import io.github.eqvae.data.LoaderOptions;
import io.github.eqvae.data.Split;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.DecodeOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

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
    ImageDataset all = open("data.path", d.path(), onSkip);
    if (d.validationPath().isPresent()) {
      training = all;
      heldOut = open("data.validation_path", d.validationPath().get(), onSkip);
      isSplit = false;
      return;
    }
    int held = d.validation();
    if (all.size() <= held) {
      throw new EqvaeException.Argument(
          d.path()
              + " holds "
              + all.size()
              + " images, of which data.validation holds out "
              + held
              + ": none is left to train on. Lower it: --set data.validation="
              + Math.max(0, all.size() / 10));
    }
    isSplit = held > 0;
    if (held == 0) {
      training = all;
      heldOut = all;
    } else {
      Split split = Split.random(all, held, recipe.run().seed());
      training = split.train();
      heldOut = split.validation();
    }
  }

  private ImageDataset open(String key, Path path, BiConsumer<String, String> onSkip)
      throws IOException {
    DataRecipe d = recipe.data();
    if (!Files.exists(path)) {
      throw new EqvaeException.Argument(
          key
              + " is "
              + path
              + ", but there is nothing there. Name a folder of pictures: --set "
              + key
              + "=DIR");
    }
    ImageDataset source =
        d.kind() == DataRecipe.Kind.IDX
            ? IdxDataset.open(path)
            : ImageFolder.open(path, DecodeOptions.DEFAULT, onSkip);
    return d.shrink() == 0 && d.cacheMegabytes() == 0
        ? source
        : new CachedDataset(
            source,
            d.shrink() == 0 ? Integer.MAX_VALUE : d.shrink(),
            (long) d.cacheMegabytes() << 20);
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
   * Training batches from a step on.
   *
   * @param firstBatch the first batch's index
   * @return a loader, to be closed
   */
  public Loader training(long firstBatch) {
    DataRecipe d = recipe.data();
    List<Transform> transforms = new ArrayList<>();
    pad(transforms);
    transforms.add(
        d.crop() == DataRecipe.Crop.RANDOM
            ? new Transform.RandomCrop(d.resolution(), d.cropMin())
            : new Transform.CenterCrop(d.resolution()));
    if (d.hflip()) {
      transforms.add(new Transform.HorizontalFlip(0.5));
    }
    return Loader.training(training, transforms, options(recipe.run().batchSize()), firstBatch);
  }

  /**
   * Held-out images, cut at the centre.
   *
   * @param most how many at the most
   * @return {@code [count, side, side, channels]} in [-1, 1], one after the other
   * @throws IOException when none can be decoded
   */
  public float[] heldOut(int most) throws IOException {
    List<Transform> transforms = new ArrayList<>();
    pad(transforms);
    transforms.add(new Transform.CenterCrop(recipe.data().resolution()));
    LoaderOptions one = options(1);
    int each = one.height() * one.width() * one.channels();
    float[] out = new float[Math.min(most, heldOut.size()) * each];
    int count = 0;
    try (Loader loader = Loader.evaluation(heldOut, transforms, one)) {
      Optional<Batch> batch = loader.poll();
      while (batch.isPresent() && count * each < out.length) {
        if (batch.get().size() == 1) {
          System.arraycopy(batch.get().pixels(), 0, out, count++ * each, each);
        }
        batch = loader.poll();
      }
    }
    if (count == 0) {
      throw new IOException(
          recipe.data().validationPath().orElse(recipe.data().path())
              + ": no held-out image could be decoded");
    }
    return java.util.Arrays.copyOf(out, count * each);
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
