package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Makes pictures of latents with the autoencoder that they are of. */
final class SampleDecoder {
  /** Memory of a plan is only addresses. */
  private static final long PLANNED = 1L << 44;

  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final Optional<Path> autoencoder;

  /**
   * Looks for the autoencoder: the one that the recipe names, or the one that made the latents
   * where it lay then.
   */
  SampleDecoder(GeneratorRecipe recipe, LatentData data) {
    this.recipe = recipe;
    this.data = data;
    autoencoder = where(recipe, data.model());
    recipe
        .samples()
        .autoencoder()
        .filter(path -> !Files.exists(path))
        .ifPresent(
            path -> {
              throw new EqvaeException.Argument(
                  "samples.autoencoder: there is no file or folder " + path);
            });
  }

  private static Optional<Path> where(GeneratorRecipe recipe, Optional<Path> ofLatents) {
    return recipe.samples().autoencoder().or(() -> ofLatents.filter(Files::exists));
  }

  /**
   * What decoding needs: the autoencoder and one batch of pictures.
   *
   * @param recipe names the autoencoder, or latents that do
   * @param stream of a device that only plans
   * @return bytes; 0 if it is not there
   */
  static long plannedBytes(GeneratorRecipe recipe, Stream stream) {
    long before = stream.device().memory().liveBytes();
    try {
      Optional<Path> path = where(recipe, LatentFolder.model(recipe.data().path()));
      if (path.isEmpty() || !Files.exists(path.get())) {
        return 0;
      }
      try (Autoencoder vae = untaught(path.get(), stream);
          TensorArena arena = new TensorArena(stream.device(), "pictures")) {
        long weights = stream.device().memory().liveBytes() - before;
        arena.reserve(PLANNED);
        NetworkRecipe m = recipe.model();
        int n = Math.min(recipe.samples().batch(), recipe.samples().count());
        Tensor latents = arena.tensor(Shape.of(n, m.side(), m.side(), m.channels()));
        vae.decode(new Tape(stream, arena, Tape.Mode.INFERENCE), latents);
        return weights + arena.extent();
      }
    } catch (IOException | EqvaeException.Argument | EqvaeException.Unsupported e) {
      return 0; // the run says what is wrong with the file
    }
  }

  /** Without reading its numbers. */
  private static Autoencoder untaught(Path path, Stream stream) throws IOException {
    if (TrainedModel.isRun(path)) {
      return TrainedModel.untaught(path, stream);
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path, Weights.AUTO)) {
      return checkpoint.untaught(stream);
    }
  }

  /** Where the autoencoder is; empty if it is nowhere: then latents are shown themselves. */
  Optional<Path> autoencoder() {
    return autoencoder;
  }

  /**
   * Makes pictures.
   *
   * @param latents as the network makes them, {@code [N, H, W, C]}
   * @param count N
   * @param stream orders the work; the autoencoder is loaded for this call
   */
  List<Image> decode(float[] latents, int count, Stream stream) throws IOException {
    if (autoencoder.isEmpty()) {
      return shown(latents, count);
    }
    try (Autoencoder vae = load(autoencoder.get(), stream);
        TensorArena arena = new TensorArena(stream.device(), "pictures")) {
      requireSame(vae, stream);
      float[] z = unscaled(latents);
      int each = data.elements();
      int batch = recipe.samples().batch();
      int side = recipe.model().side() * vae.config().downsamplingFactor();
      int channels = vae.config().outChannels();
      List<Image> pictures = new ArrayList<>();
      for (int from = 0; from < count; from += batch) {
        int n = Math.min(batch, count - from);
        float[] part = Arrays.copyOfRange(z, from * each, (from + n) * each);
        float[] pixels = pixels(vae, part, n, stream, arena);
        for (int i = 0; i < n; i++) {
          pictures.add(
              Image.ofFloats(side, side, channels, pixels, i * side * side * channels, -1, 1));
        }
      }
      return pictures;
    }
  }

  private static Autoencoder load(Path path, Stream stream) throws IOException {
    if (TrainedModel.isRun(path)) {
      return TrainedModel.load(path, stream, Weights.AUTO);
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path, Weights.AUTO)) {
      return checkpoint.load(stream);
    }
  }

  /** Pictures of another autoencoder's latents would look like a bad generator. */
  private void requireSame(Autoencoder vae, Stream stream) {
    String loaded = WeightsHash.of(vae.parameters(), stream);
    if (data.weights().isPresent() && !data.weights().get().equals(loaded)) {
      throw new EqvaeException.Argument(
          "%s has other weights (%s…) than those that made the latents (%s…); name theirs with"
                  .formatted(
                      autoencoder.orElseThrow(),
                      loaded.substring(0, 12),
                      data.weights()
                          .get()
                          .substring(0, Math.min(12, data.weights().get().length())))
              + " samples.autoencoder, or encode anew");
    }
  }

  private float[] unscaled(float[] latents) {
    LatentScaling scaling = data.wholeScaling();
    int c = recipe.model().channels();
    float[] z = new float[latents.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) scaling.unscale(latents[i], i % c);
    }
    return z;
  }

  private float[] pixels(Autoencoder vae, float[] z, int n, Stream stream, TensorArena arena) {
    int side = recipe.model().side();
    Tensor latents = arena.tensor(Shape.of(n, side, side, recipe.model().channels()));
    latents.set(stream, z);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] pixels = vae.decode(tape, latents).toFloats(stream);
    arena.reset();
    return pixels;
  }

  /**
   * The latents themselves: gray of one channel, or the first three as colours, ±2 from end to end.
   */
  private List<Image> shown(float[] latents, int count) {
    NetworkRecipe model = recipe.model();
    int channels = model.channels() < 3 ? 1 : 3;
    int pixels = model.side() * model.side();
    List<Image> pictures = new ArrayList<>();
    for (int n = 0; n < count; n++) {
      float[] part = new float[pixels * channels];
      for (int i = 0; i < part.length; i++) {
        part[i] = latents[(n * pixels + i / channels) * model.channels() + i % channels];
      }
      pictures.add(Image.ofFloats(model.side(), model.side(), channels, part, 0, -2, 2));
    }
    return pictures;
  }
}
