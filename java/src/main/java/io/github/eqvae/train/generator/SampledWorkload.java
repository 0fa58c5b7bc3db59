package io.github.eqvae.train.generator;

import io.github.eqvae.Version;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.report.Report;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import io.github.eqvae.train.run.Workload;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The work of a run whose network makes pictures: measures it on held-out data, shows and measures
 * its samples, writes the report.
 *
 * @param <T> the kind of task
 * @param <N> the network as it is asked for predictions
 */
abstract class SampledWorkload<T extends Task, N> implements Workload<T> {
  private final FolderData data;
  private final LatentsAutoencoder autoencoder;
  private final SampleDistance distance;
  private final DistanceRecipe recipe;
  private Map<String, Double> validation = Map.of();
  private @Nullable RunFolder folder;

  /**
   * The work on some data.
   *
   * @param data closed together with this, also if this fails
   * @param decoder where the recipe says that the autoencoder is
   * @param recipe of the distance to real images
   * @param observer told of real images that cannot be read
   */
  SampledWorkload(
      FolderData data, Optional<Path> decoder, DistanceRecipe recipe, RunObserver observer) {
    this.data = data;
    this.recipe = recipe;
    try {
      autoencoder = new LatentsAutoencoder(decoder, data);
      distance = new SampleDistance(recipe, autoencoder, observer::skipped);
    } catch (RuntimeException | Error e) {
      data.close();
      throw e;
    }
  }

  /** The autoencoder that decodes samples. */
  final LatentsAutoencoder autoencoder() {
    return autoencoder;
  }

  /** The weights that are trained. */
  abstract ParameterStore parameters(T task);

  /** The network with the weights that are in place. */
  abstract N network(Trainer<T> trainer, TensorArena arena);

  /** Training batches. */
  abstract BatchSource batches();

  /** Figures of held-out data, of which there is at least one. */
  abstract Map<String, Double> heldOut(N network) throws IOException;

  /** The name of the method that makes the samples which are compared with real images. */
  abstract String sampler();

  /** Samples to be compared with real images. */
  abstract List<Image> measured(N network) throws IOException;

  /**
   * Some of the data themselves, decoded as samples are.
   *
   * @param count how many; fewer if there are fewer
   * @param stream orders the work
   */
  abstract List<Image> decoded(int count, Stream stream) throws IOException;

  /** The picture to show. */
  abstract Image picture(N network) throws IOException;

  /** The report of a run. */
  abstract ReportData report(Trainer<T> trainer, RunFolder of, Shown shown) throws IOException;

  /** The metadata that the tensors do not show. */
  abstract Map<String, String> metadata();

  /** The figures that {@link #heldOut} measures. */
  abstract List<Metric> heldOutMetrics();

  /** What the results say of the data. */
  abstract Map<String, Object> facts();

  /** The figures of held-out data for the terminal. */
  abstract String text(Map<String, Double> measured);

  /**
   * What a report shows.
   *
   * @param picture the newest samples
   * @param validation the last figures
   * @param distances the names of distances among them
   */
  record Shown(Image picture, Map<String, Double> validation, List<String> distances) {}

  @Override
  public String describe() {
    return data.describe();
  }

  @Override
  public List<String> notes() {
    List<String> notes = new ArrayList<>(data.notes());
    if (autoencoder.path().isEmpty()) {
      notes.add(autoencoder.absence());
    }
    return notes;
  }

  @Override
  public List<String> heldOutNames() {
    return data.heldOutNames();
  }

  @Override
  public Map<String, String> agreement() {
    return Map.of("names of the training latents", FileHash.ofLines(data.trainingNames()));
  }

  @Override
  public Batches batches(long first, int every) {
    BatchSource batches = batches();
    return new Batches() {
      @Override
      public void load(long index, HostBatch to) throws IOException {
        batches.load(index, to);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void check(Stream stream) throws IOException {
    autoencoder.check(stream);
    distance.check(stream);
  }

  @Override
  public void begin(RunFolder into) throws IOException {
    folder = into;
    RunLatents.write(into.path(), data);
    TrainedGenerator.writeMetadata(into, metadata());
  }

  @Override
  public void resume(RunFolder of) throws IOException {
    folder = of;
    requireLatentsOf(of);
    TrainedGenerator.writeMetadata(of, metadata());
  }

  /**
   * Refuses latents that are not those that a run was trained on.
   *
   * @param of the run
   * @throws IOException when its files cannot be read
   */
  public void requireLatentsOf(RunFolder of) throws IOException {
    RunLatents.require(of.path(), data);
  }

  @Override
  public Map<String, Double> validate(Trainer<T> trainer) throws IOException {
    Map<String, Double> values = new LinkedHashMap<>();
    try (TensorArena arena = arena(trainer)) {
      N network = network(trainer, arena);
      if (data.heldOut().length > 0) {
        values.putAll(heldOut(network));
      }
      values.putAll(distance.measure(() -> measured(network), trainer.stream()));
    }
    values.putAll(
        distance.measureRealLatents(
            () -> decoded(recipe.count(), trainer.stream()), trainer.stream()));
    validation = values;
    return values;
  }

  private TensorArena arena(Trainer<T> trainer) {
    TensorArena arena = new TensorArena(trainer.stream().device(), "samples");
    arena.reserve(trainer.plan().evaluationBytes());
    return arena;
  }

  @Override
  public List<Metric> metrics() {
    List<Metric> metrics = new ArrayList<>(heldOutMetrics());
    metrics.addAll(distance.metrics());
    return metrics;
  }

  /** The report shows the picture, too. */
  @Override
  public Optional<Image> sample(Trainer<T> trainer) throws IOException {
    try (TensorArena arena = arena(trainer)) {
      Image picture = picture(network(trainer, arena));
      if (folder != null) {
        List<String> distances = new ArrayList<>(distance.keys());
        distances.addAll(distance.keysOfRealLatents());
        Shown shown = new Shown(picture, validation, distances);
        AtomicFiles.write(folder.report(), Report.html(report(trainer, folder, shown)));
      }
      return Optional.of(picture);
    }
  }

  @Override
  public void saveModel(Trainer<T> trainer, RunFolder run, Path file, Map<String, String> more)
      throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("format", "pt");
    texts.putAll(metadata());
    texts.putAll(more);
    ModelFile.save(file, parameters(trainer.task()), trainer.stream(), texts);
  }

  @Override
  public String finish(TrainingRun<T> run) throws IOException {
    folder = run.folder();
    Map<String, Double> measured = validate(run.trainer());
    sample(run.trainer());
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("evaluator", Version.TEXT);
    data.weights().ifPresent(hash -> values.put("autoencoder_sha256", hash));
    values.put("step", run.trainer().step());
    values.put("averaged", run.isAveraged());
    values.putAll(facts());
    values.putAll(measured);
    Map<String, Object> how = distance.facts(sampler());
    if (!how.isEmpty()) {
      values.put("measured_distances", how);
    }
    AtomicFiles.write(run.folder().evaluation(), ResultFile.text(ResultFile.EVALUATION, values));
    return text(measured) + distance.text(measured);
  }

  @Override
  public void close() {
    data.close();
  }
}
