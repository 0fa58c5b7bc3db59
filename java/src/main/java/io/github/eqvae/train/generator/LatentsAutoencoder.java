package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The autoencoder that decodes samples of a run: the one that the recipe names, or else the one
 * that made the latents, if its file is still there.
 */
final class LatentsAutoencoder {
  private static final int HASH_SHOWN = 12;

  private final LatentsSource data;
  private final Optional<Path> path;

  /** Memory of a plan is only addresses. */
  private static final long PLANNED = 1L << 44;

  LatentsAutoencoder(Optional<Path> asked, LatentsSource data) {
    this.data = data;
    path = where(asked, data.model());
    asked
        .filter(named -> !Files.exists(named))
        .ifPresent(
            named -> {
              throw new EqvaeException.Argument(
                  "samples.autoencoder: there is no file or folder " + named);
            });
  }

  private static Optional<Path> where(Optional<Path> asked, Optional<Path> ofLatents) {
    return asked.or(() -> ofLatents.filter(Files::exists));
  }

  /**
   * What decoding needs: the autoencoder and what it computes.
   *
   * @param asked where the recipe says it is
   * @param latents the folder of latents, which also names it
   * @param stream of a device that only plans
   * @param decode decodes one batch of pictures
   * @return bytes; 0 if it is not there
   */
  static long plannedBytes(
      Optional<Path> asked, Path latents, Stream stream, BiConsumer<Autoencoder, Tape> decode) {
    long before = stream.device().memory().liveBytes();
    try {
      Optional<Path> path = where(asked, LatentFolder.model(latents));
      if (path.isEmpty() || !Files.exists(path.get())) {
        return 0;
      }
      try (Autoencoder vae = untaught(path.get(), stream);
          TensorArena arena = new TensorArena(stream.device(), "pictures")) {
        long weights = stream.device().memory().liveBytes() - before;
        arena.reserve(PLANNED);
        decode.accept(vae, new Tape(stream, arena, Tape.Mode.INFERENCE));
        return weights + arena.extent();
      }
    } catch (IOException | EqvaeException.Argument | EqvaeException.Unsupported e) {
      return 0; // the run reports what is wrong with the file
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

  /** Its path; empty if it was not found. */
  Optional<Path> path() {
    return path;
  }

  /**
   * The origin of the latents, for the model's file; empty if it is not known which weights made
   * them.
   */
  Optional<LatentsOrigin> origin() {
    return data.weights()
        .map(
            hash ->
                new LatentsOrigin(
                    path.or(data::model)
                        .map(p -> p.toAbsolutePath().normalize().toString())
                        .orElse(""),
                    hash,
                    data.wholeScaling()));
  }

  /** The message of a run without an autoencoder. */
  String absence() {
    return "there is no autoencoder to decode samples with"
        + whyAbsent()
        + ": they are shown as latents. samples.autoencoder names one";
  }

  /**
   * Where the latents' autoencoder was, in brackets after a space; empty if their index names none.
   */
  String whyAbsent() {
    return data.model().map(m -> " (" + m + ", which made the latents, is gone)").orElse("");
  }

  /** Refuses one of other weights before a run begins, not when its first pictures are due. */
  void check(Stream stream) throws IOException {
    if (path.isPresent()) {
      load(stream).close();
    }
  }

  /** Loads it, to be closed by the caller; refuses one of other weights. */
  Autoencoder load(Stream stream) throws IOException {
    Path from = path.orElseThrow();
    Autoencoder vae = read(from, stream);
    try {
      // Pictures of another autoencoder's latents would look like a bad generator.
      String loaded = WeightsHash.of(vae.parameters(), stream);
      if (data.weights().isPresent() && !data.weights().get().equals(loaded)) {
        throw new EqvaeException.Argument(
            "%s has other weights (%s…) than those that made the latents (%s…); name theirs with"
                    .formatted(from, shown(loaded), shown(data.weights().get()))
                + " samples.autoencoder, or encode again");
      }
      return vae;
    } catch (RuntimeException | Error e) {
      vae.close();
      throw e;
    }
  }

  private static String shown(String hash) {
    return hash.substring(0, Math.min(HASH_SHOWN, hash.length()));
  }

  private static Autoencoder read(Path path, Stream stream) throws IOException {
    if (TrainedModel.isRun(path)) {
      return TrainedModel.load(path, stream, Weights.AUTO);
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path, Weights.AUTO)) {
      return checkpoint.load(stream);
    }
  }
}
