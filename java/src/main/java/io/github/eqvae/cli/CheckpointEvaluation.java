package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.Loader;
import io.github.eqvae.data.LoaderOptions;
import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.data.Transform;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.eval.Extractor;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.Measured;
import io.github.eqvae.train.autoencoder.MeasuredModel;
import io.github.eqvae.train.autoencoder.MeasuredWith;
import io.github.eqvae.train.autoencoder.ModelPictures;
import io.github.eqvae.train.report.Machine;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Measures a checkpoint on pictures, with one batch in memory at a time.
 *
 * @param checkpoint a file or folder for {@link AutoencoderCheckpoint}
 * @param data a folder, or a file of MNIST's form
 * @param square how pictures become squares
 * @param images the largest number of pictures; empty for all
 * @param batch images at once
 * @param lpips weights of LPIPS
 * @param inception weights of rFID's network
 * @param features other networks whose features are compared
 * @param seed of samples of the posterior; empty for its mode
 * @param ssim the variant of the structural similarity
 * @param device where to compute
 * @param weights which of the checkpoint's
 */
record CheckpointEvaluation(
    Path checkpoint,
    Path data,
    SquareOptions square,
    OptionalInt images,
    int batch,
    Optional<Path> lpips,
    Optional<Path> inception,
    ComparedFeatures features,
    OptionalLong seed,
    Ssim.Variant ssim,
    Optional<String> device,
    Weights weights) {
  /** The paper's transforms. */
  private static final List<Integer> ANGLES = List.of(90, 180, 270);

  private static final int RGB = 3;

  private static final List<Double> SCALES = List.of(0.25, 0.5, 0.75);

  /** Measures; ranks after the first get nothing. */
  Optional<MeasuredModel> run(SharedBatches shared, PrintWriter err, SkippedFiles skipped)
      throws IOException {
    ImageDataset folder =
        IdxDataset.isImages(data)
            ? IdxDataset.open(data)
            : ImageFolder.open(data, square.decode(), skipped);
    try (Device on = DeviceOption.open(device, err);
        Stream stream = new Stream(on);
        AutoencoderCheckpoint file = AutoencoderCheckpoint.open(checkpoint, weights);
        Autoencoder vae = file.load(stream);
        Closing closing = new Closing()) {
      WeightsOption.say(err, checkpoint, file.weightsNote());
      if (lpips.isPresent() && vae.config().inChannels() != RGB) {
        throw new EqvaeException.Argument(
            "--lpips: LPIPS compares RGB, and this model's images have "
                + vae.config().inChannels()
                + " channels; leave it out");
      }
      Lpips distance = lpips.isPresent() ? lpips(lpips.get(), stream, closing) : null;
      List<Extractor> extractors =
          ReconstructionDistances.extractors(
              inception,
              features.classifiers(),
              features.dinov2(),
              why -> err.println("eqvae: note: " + why + " (--inception, docs/rfid.md)"));
      ReconstructionDistances distances = ReconstructionDistances.open(extractors, stream, batch);
      closing.add(distances);
      err.flush();
      int side = square.side(vae.config().resolution(), vae.config().downsamplingFactor());
      if (side < ssim.smallestSide()) {
        throw new EqvaeException.Argument(
            "--size %d: the windows of SSIM (%s) need images of at least %d pixels"
                .formatted(side, ssim.title(), ssim.smallestSide()));
      }
      Optional<Evaluation> figures =
          measure(vae, distance, distances, folder, side, stream, shared, err);
      if (figures.isEmpty()) {
        return Optional.empty();
      }
      return Optional.of(
          new MeasuredModel(
              figures.get(),
              ModelPictures.NONE,
              seed,
              Machine.of(on.name(), on.info()),
              new Measured(
                  checkpoint.toString(),
                  file.weightsNote().orElse("the only ones"),
                  OptionalLong.empty(),
                  data.toString()),
              MeasuredWith.of(vae, stream, lpips, inception)));
    }
  }

  private Optional<Evaluation> measure(
      Autoencoder vae,
      @org.jspecify.annotations.Nullable Lpips distance,
      ReconstructionDistances distances,
      ImageDataset folder,
      int side,
      Stream stream,
      SharedBatches shared,
      PrintWriter err)
      throws IOException {
    int wanted = images.orElse(Integer.MAX_VALUE);
    if (wanted < 1) {
      throw new EqvaeException.Argument("--images " + wanted + ": give at least 1");
    }
    if (batch < 1) {
      throw new EqvaeException.Argument("--batch " + batch + ": give at least 1");
    }
    int total = Math.min(folder.size(), wanted);
    int channels = vae.config().inChannels();
    int threads = Runtime.getRuntime().availableProcessors();
    Transform transform = square.transform(side, Crop.ADM);
    int[] indices = new int[total];
    Arrays.setAll(indices, i -> i);
    WatchedCounter ticker = new WatchedCounter(err, "measured", total, 0, stream.device());
    try (Loader loader =
            Loader.evaluation(
                folder.subset(indices),
                List.of(transform),
                new LoaderOptions(batch, side, side, channels, 0, threads, 2));
        Evaluator evaluator = new Evaluator(vae, distance, stream)) {
      seed.ifPresent(evaluator::samplePosterior);
      evaluator.ssim(ssim);
      long[] done = {0};
      return evaluator.measure(
          () -> {
            try {
              Optional<Batch> next = loader.poll();
              ticker.at(done[0]);
              next.ifPresent(b -> done[0] += b.size());
              return next.map(b -> Arrays.copyOf(b.pixels(), b.size() * side * side * channels));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          },
          side,
          ANGLES,
          SCALES,
          distances,
          shared);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static Lpips lpips(Path weights, Stream stream, Closing closing) throws IOException {
    Lpips network = new Lpips(64, stream, 0);
    closing.add(network);
    ModelFile.load(weights, network.parameters(), stream);
    return network;
  }

  /** Closes the objects that were created, in reverse order. */
  private static final class Closing implements AutoCloseable {
    private final java.util.ArrayDeque<AutoCloseable> all = new java.util.ArrayDeque<>();

    void add(@org.jspecify.annotations.Nullable AutoCloseable one) {
      if (one != null) {
        all.push(one);
      }
    }

    @Override
    public void close() {
      for (AutoCloseable one : all) {
        try {
          one.close();
        } catch (RuntimeException e) {
          throw e;
        } catch (Exception e) {
          throw new EqvaeException.Internal("closing a network failed", e);
        }
      }
    }
  }
}
