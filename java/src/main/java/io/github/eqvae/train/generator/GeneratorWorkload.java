package io.github.eqvae.train.generator;

import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.report.Report;
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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The latents of a generator's run, its loss on held-out ones, and the pictures it shows. */
public final class GeneratorWorkload implements Workload<GeneratorTask> {
  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final SampleDecoder decoder;
  private final GeneratorSamples samples;
  private final SampleDistance distance;
  private Map<String, Double> validation = Map.of();
  private @Nullable RunFolder folder;

  /**
   * Opens the latents.
   *
   * @param recipe the recipe
   * @param observer told of real images that cannot be read
   * @throws IOException when they cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when they do not fit the recipe
   */
  GeneratorWorkload(GeneratorRecipe recipe, RunObserver observer) throws IOException {
    this.recipe = recipe;
    data = new LatentData(recipe);
    try {
      decoder = new SampleDecoder(recipe, data);
      distance = new SampleDistance(recipe.distance(), decoder.autoencoder(), observer::skipped);
    } catch (RuntimeException | Error e) {
      data.close();
      throw e;
    }
    samples = GeneratorSamples.shown(recipe, decoder);
  }

  @Override
  public String describe() {
    return data.describe();
  }

  @Override
  public List<String> notes() {
    List<String> notes = new ArrayList<>(data.notes());
    if (decoder.autoencoder().path().isEmpty()) {
      notes.add(decoder.autoencoder().absence());
    }
    return notes;
  }

  @Override
  public List<String> heldOutNames() {
    return data.heldOutNames();
  }

  @Override
  public Batches batches(long first) {
    LatentBatches batches = new LatentBatches(recipe, data);
    return new Batches() {
      @Override
      public void load(long index, HostBatch to) {
        batches.load(index, to);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void check(Stream stream) throws IOException {
    decoder.autoencoder().check(stream);
    distance.check(stream);
  }

  @Override
  public void begin(RunFolder into) throws IOException {
    folder = into;
    RunLatents.write(into.path(), data);
    TrainedGenerator.writeMetadata(into, metadata().toMap());
  }

  @Override
  public void resume(RunFolder of) throws IOException {
    folder = of;
    RunLatents.require(of.path(), data);
    TrainedGenerator.writeMetadata(of, metadata().toMap());
  }

  @Override
  public Map<String, Double> validate(Trainer<GeneratorTask> trainer) throws IOException {
    Map<String, Double> values = new LinkedHashMap<>();
    try (TensorArena arena = arena(trainer)) {
      Denoising network = network(trainer, arena);
      if (data.heldOut().length > 0) {
        values.putAll(new HeldOutLoss(recipe, data).measure(network));
        if (data.targets().isPresent()) {
          values.put(QuarterLosses.ALIGNMENT, new HeldOutAlignment(recipe, data).measure(network));
        }
      }
      GeneratorSamples measured = GeneratorSamples.measured(recipe, decoder);
      values.putAll(distance.measure(() -> measured.images(network), trainer.stream()));
    }
    validation = values;
    return values;
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

  /**
   * Measures the loss of a network by time.
   *
   * @param run the weights that are in place
   * @param asked what to measure
   * @return the figures
   */
  public TimedLosses losses(TrainingRun<GeneratorTask> run, LossByTime asked) {
    return asked.measure(run, data);
  }

  private static TensorArena arena(Trainer<GeneratorTask> trainer) {
    TensorArena arena = new TensorArena(trainer.stream().device(), "samples");
    arena.reserve(trainer.plan().evaluationBytes());
    return arena;
  }

  private static Denoising network(Trainer<GeneratorTask> trainer, TensorArena arena) {
    return new Denoising(trainer.task().network(), trainer.stream(), arena);
  }

  @Override
  public List<Metric> metrics() {
    List<Metric> metrics = new ArrayList<>();
    metrics.add(new Metric("loss", "loss", false));
    metrics.addAll(distance.metrics());
    return metrics;
  }

  /** The report shows the picture, too. */
  @Override
  public Optional<Image> sample(Trainer<GeneratorTask> trainer) throws IOException {
    try (TensorArena arena = arena(trainer)) {
      Image picture = samples.picture(network(trainer, arena));
      report(trainer, picture);
      return Optional.of(picture);
    }
  }

  private void report(Trainer<GeneratorTask> trainer, Image picture) throws IOException {
    if (folder != null) {
      AtomicFiles.write(
          folder.report(),
          Report.html(
              GeneratorReport.of(
                  recipe,
                  folder,
                  data,
                  trainer.step(),
                  picture,
                  validation,
                  distance.keys(),
                  trainer.stream().device().info())));
    }
  }

  /** The metadata that the tensors do not show. */
  private GeneratorMetadata metadata() {
    return new GeneratorMetadata(
        recipe.model().config(),
        recipe.process().process(),
        decoder.autoencoder().origin(),
        data.classes(),
        data.targets().map(t -> t.origin(recipe)));
  }

  @Override
  public void saveModel(
      Trainer<GeneratorTask> trainer, RunFolder run, Path file, Map<String, String> more)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt");
    metadata.putAll(metadata().toMap());
    metadata.putAll(more);
    ModelFile.save(file, trainer.task().network().parameters(), trainer.stream(), metadata);
  }

  @Override
  public String finish(TrainingRun<GeneratorTask> run) throws IOException {
    folder = run.folder();
    Map<String, Double> measured = validate(run.trainer());
    sample(run.trainer());
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("step", run.trainer().step());
    values.put("averaged", run.isAveraged());
    values.put("latents_rms", data.rms());
    values.put("held_out", Math.min(HeldOutLoss.MOST, data.heldOut().length));
    values.putAll(measured);
    AtomicFiles.write(run.folder().evaluation(), ResultFile.text(ResultFile.EVALUATION, values));
    StringBuilder text = new StringBuilder();
    if (measured.containsKey("loss")) {
      text.append(
          String.format(Locale.ROOT, "loss on held-out latents %.4f%n", measured.get("loss")));
    }
    text.append(distance.text(measured));
    return text.toString();
  }

  @Override
  public void close() {
    data.close();
  }
}
