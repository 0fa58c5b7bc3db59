package io.github.eqvae.train.generator;

import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
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

/** The codes of MaskGIT's run, its loss on held-out ones, and the pictures it shows. */
public final class MaskGitWorkload implements Workload<MaskGitTask> {
  private final MaskGitRecipe recipe;
  private final CodeData data;
  private final CodeDecoder decoder;
  private final MaskGitPictures pictures;
  private final SampleDistance distance;
  private Map<String, Double> validation = Map.of();
  private @Nullable RunFolder folder;

  /**
   * Opens the codes.
   *
   * @param recipe the recipe
   * @param observer told of real images that cannot be read
   * @throws IOException when they cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when they do not fit the recipe
   */
  MaskGitWorkload(MaskGitRecipe recipe, RunObserver observer) throws IOException {
    this.recipe = recipe;
    data = new CodeData(recipe);
    try {
      decoder = new CodeDecoder(recipe, data);
      distance = new SampleDistance(recipe.distance(), decoder.autoencoder(), observer::skipped);
    } catch (RuntimeException | Error e) {
      data.close();
      throw e;
    }
    pictures = MaskGitPictures.shown(recipe, decoder);
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
    CodeBatches batches = new CodeBatches(recipe, data);
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
  public Map<String, Double> validate(Trainer<MaskGitTask> trainer) throws IOException {
    Map<String, Double> values = new LinkedHashMap<>();
    try (TensorArena arena = arena(trainer)) {
      CodeSampling network = network(trainer, arena);
      if (data.heldOut().length > 0) {
        values.putAll(new HeldOutCodes(recipe, data).measure(network));
      }
      MaskGitPictures measured = MaskGitPictures.measured(recipe, decoder);
      values.putAll(distance.measure(() -> measured.images(network), trainer.stream()));
    }
    validation = values;
    return values;
  }

  private static TensorArena arena(Trainer<MaskGitTask> trainer) {
    TensorArena arena = new TensorArena(trainer.stream().device(), "samples");
    arena.reserve(trainer.plan().evaluationBytes());
    return arena;
  }

  private CodeSampling network(Trainer<MaskGitTask> trainer, TensorArena arena) {
    return new CodeSampling(
        trainer.task().network(), trainer.stream(), arena, recipe.samples().batch());
  }

  @Override
  public List<Metric> metrics() {
    List<Metric> metrics = new ArrayList<>();
    metrics.add(new Metric("loss", "loss", false));
    metrics.add(new Metric(MaskGitTask.MASKED_LOSS, MaskGitTask.MASKED_LOSS, false));
    metrics.add(new Metric(HeldOutCodes.ACCURACY, HeldOutCodes.ACCURACY, true));
    metrics.addAll(distance.metrics());
    return metrics;
  }

  /** The report shows the picture, too. */
  @Override
  public Optional<Image> sample(Trainer<MaskGitTask> trainer) throws IOException {
    try (TensorArena arena = arena(trainer)) {
      Image picture = pictures.picture(network(trainer, arena));
      report(trainer, picture);
      return Optional.of(picture);
    }
  }

  private void report(Trainer<MaskGitTask> trainer, Image picture) throws IOException {
    if (folder != null) {
      AtomicFiles.write(
          folder.report(),
          Report.html(
              MaskGitReport.of(
                  recipe,
                  folder,
                  data.describe(),
                  trainer.step(),
                  picture,
                  validation,
                  distance.keys(),
                  trainer.stream().device().info())));
    }
  }

  /** The metadata that the tensors do not show. */
  private MaskGitMetadata metadata() {
    return recipe.metadata(decoder.autoencoder().origin(), data.classes());
  }

  @Override
  public void saveModel(
      Trainer<MaskGitTask> trainer, RunFolder run, Path file, Map<String, String> more)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt");
    metadata.putAll(metadata().toMap());
    metadata.putAll(more);
    ModelFile.save(file, trainer.task().network().parameters(), trainer.stream(), metadata);
  }

  @Override
  public String finish(TrainingRun<MaskGitTask> run) throws IOException {
    folder = run.folder();
    Map<String, Double> measured = validate(run.trainer());
    sample(run.trainer());
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("step", run.trainer().step());
    values.put("averaged", run.isAveraged());
    values.put("held_out", Math.min(HeldOutCodes.MOST, data.heldOut().length));
    values.putAll(measured);
    AtomicFiles.write(run.folder().evaluation(), ResultFile.text(ResultFile.EVALUATION, values));
    String codes =
        measured.containsKey(MaskGitTask.MASKED_LOSS)
            ? String.format(
                Locale.ROOT,
                "hidden codes of held-out pictures: loss %.4f, %.1f %% right%n",
                measured.get(MaskGitTask.MASKED_LOSS),
                100 * measured.get(HeldOutCodes.ACCURACY))
            : "";
    return codes + distance.text(measured);
  }

  @Override
  public void close() {
    data.close();
  }
}
