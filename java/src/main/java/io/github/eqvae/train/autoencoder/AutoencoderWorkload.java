package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.Loader;
import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.report.Report;
import io.github.eqvae.train.run.HeldOutNames;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import io.github.eqvae.train.run.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/** The images of a run of an autoencoder, and what it is measured by. */
public final class AutoencoderWorkload implements Workload<AutoencoderTask> {
  private static final int SAMPLES = 8;
  private static final int NONFINITE_COLUMNS = 8;
  private static final int GAP = 2;
  private static final int BACKGROUND = 255;

  private final AutoencoderRecipe recipe;
  private final RunObserver observer;
  private final Datasets data;
  private float[] shown = {};
  private final SkippedFiles skipped;

  /**
   * Opens the images.
   *
   * @param recipe the recipe
   * @param observer told which are broken
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when there are too few, or weights for figures are missing
   */
  AutoencoderWorkload(AutoencoderRecipe recipe, RunObserver observer) throws IOException {
    this.recipe = recipe;
    this.observer = observer;
    // Needed only at the end of a training, but a wrong name must be reported at its start.
    String leftOut = "null leaves it out";
    EvaluationRecipe e = recipe.evaluation();
    requireReadable("evaluation.inception_weights", e.inceptionWeights(), leftOut);
    requireReadable("evaluation.dinov2_weights", e.dinov2Weights(), leftOut);
    e.classifiers()
        .forEach(
            file ->
                requireReadable("evaluation.classifiers", Optional.of(file), "[] leaves it out"));
    requireReadable(
        "objective.lpips_weights",
        recipe.objective().lpipsWeights(),
        recipe.objective().perceptualWeight() > 0
            ? "to train without LPIPS, set this to null and objective.perceptual_weight to 0"
            : leftOut);
    skipped = new SkippedFiles(observer::skipped); // threads that decode call this
    data = new Datasets(recipe, skipped);
  }

  private static void requireReadable(String key, Optional<Path> weights, String without) {
    weights
        .filter(file -> !Files.isReadable(file))
        .ifPresent(
            file -> {
              throw new EqvaeException.Argument(
                  key
                      + ": there is no readable file "
                      + file
                      + "; "
                      + Invocation.shown("weights")
                      + " lists what to download; "
                      + without);
            });
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%s to train on, %,d held out",
        Counts.of(data.trainingSize(), "image"),
        data.heldOutSize());
  }

  @Override
  public List<String> notes() {
    List<String> notes = new ArrayList<>();
    if (data.heldOutNames().size() > data.trainingSize()) {
      notes.add(
          "more images are held out than trained on. To hold out fewer, begin a new run with"
              + " --set data.validation=N");
    }
    long most = Datasets.latentsCacheBytes(recipe.data());
    int side = recipe.data().resolution();
    long all = data.trainingSize() * EncodedPictures.bytes(recipe.model(), side);
    if (most > 0 && most < all) {
      notes.add(
          String.format(
              Locale.ROOT,
              "the latents of all %,d images need %,d MB, but the cache may have %,d"
                  + " (data.cache_latents_megabytes, at most half of Java's heap). If one latent of"
                  + " a batch is not cached, the whole batch is encoded; this will happen to most"
                  + " batches",
              data.trainingSize(),
              (all >> 20) + 1,
              most >> 20));
    }
    return notes;
  }

  @Override
  public List<String> heldOutNames() {
    return data.heldOutNames();
  }

  @Override
  public Map<String, String> agreement() throws IOException {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("names of the training images", FileHash.ofLines(data.trainingNames()));
    if (recipe.objective().lpipsWeights().isPresent()) {
      all.put("weights of LPIPS", FileHash.sha256(recipe.objective().lpipsWeights().get()));
    }
    return all;
  }

  @Override
  public Batches batches(long first, int every) {
    Loader loader = data.training(first, every);
    return new Batches() {
      @Override
      public void load(long index, HostBatch to) throws IOException {
        Batch batch = loader.next();
        if (batch.step() != index) {
          throw new IllegalStateException(
              "expected batch " + index + ", but the loader returned " + batch.step());
        }
        float[] images = to.floats(AutoencoderTask.IMAGES);
        System.arraycopy(batch.pixels(), 0, images, 0, images.length);
        if (recipe.data().latentsCacheBytes() > 0) {
          int[] pictures = to.ints(EncodedPictures.PICTURES);
          System.arraycopy(batch.indices(), 0, pictures, 0, pictures.length);
        }
      }

      @Override
      public void close() {
        loader.close();
      }
    };
  }

  @Override
  public void begin(RunFolder folder) throws IOException {
    InitialWeights.keepSettings(recipe, folder.path());
  }

  @Override
  public void prepareSamples() throws IOException {
    shown = data.heldOutShown(EvaluationRecipe.VALIDATION_IMAGES, SAMPLES);
  }

  private int side() {
    return recipe.data().resolution();
  }

  private int channels() {
    return recipe.data().channels();
  }

  private HeldOut heldOut(int most) {
    return data.heldOut(most, recipe.evaluation().batch());
  }

  /** Evaluates the current weights, in the steps' memory. */
  private static Evaluator evaluator(Trainer<AutoencoderTask> trainer) {
    return Evaluator.in(trainer.task().vae(), null, trainer.stream(), trainer.stepMemory());
  }

  @Override
  public Map<String, Double> validate(Trainer<AutoencoderTask> trainer) throws IOException {
    try (HeldOut held = heldOut(EvaluationRecipe.VALIDATION_IMAGES);
        Evaluator evaluator = evaluator(trainer)) {
      evaluator.ssim(recipe.evaluation().ssim());
      Evaluation e =
          evaluator.measure(
              MeasuredModel.batches(held),
              side(),
              List.of(90),
              List.of(0.5),
              ReconstructionDistances.NONE);
      Map<String, Double> values = new LinkedHashMap<>();
      values.put("psnr", e.psnr());
      values.put("ssim", e.ssim());
      values.put("rotation_error_90", e.rotationError());
      values.put("scale_error_0.5", e.scaleError());
      values.put("latent_std", e.statistics().std());
      return values;
    }
  }

  @Override
  public List<Metric> metrics() {
    return BestMetric.METRICS;
  }

  /** Originals above reconstructions, transformed originals above decoded transformed latents. */
  @Override
  public Optional<Image> sample(Trainer<AutoencoderTask> trainer) {
    float[] x = shown;
    int n = x.length / (side() * side() * channels());
    SpatialTransform turn = SpatialTransform.rotation(1);
    List<Image> tiles = new ArrayList<>(pictures(x, n, side(), channels()));
    try (Evaluator evaluator = evaluator(trainer)) {
      tiles.addAll(pictures(evaluator.reconstruct(x, n, side()), n, side(), channels()));
      tiles.addAll(pictures(evaluator.transform(x, n, side(), turn), n, side(), channels()));
      tiles.addAll(pictures(evaluator.decode(x, n, side(), turn), n, side(), channels()));
    }
    return Optional.of(SampleGrid.of(tiles, n));
  }

  /** Images as pictures. */
  static List<Image> pictures(float[] images, int count, int side, int channels) {
    List<Image> out = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      out.add(Image.ofFloats(side, side, channels, images, i * side * side * channels, -1, 1));
    }
    return out;
  }

  @Override
  public Optional<Image> picture(HostBatch batch) {
    float[] images = batch.floats(AutoencoderTask.IMAGES);
    int n = images.length / (side() * side() * channels());
    List<Image> tiles = pictures(images, n, side(), channels());
    return Optional.of(ImageGrid.of(tiles, NONFINITE_COLUMNS, GAP, BACKGROUND));
  }

  @Override
  public void saveModel(
      Trainer<AutoencoderTask> trainer, RunFolder folder, Path file, Map<String, String> more)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>(TrainedModel.metadata(folder.path()));
    metadata.putAll(more);
    ModelFile.save(file, trainer.task().vae().parameters(), trainer.stream(), metadata);
  }

  /** Weights of another network must be refused before the training, not after it. */
  @Override
  public void check(Stream stream) throws IOException {
    ReconstructionDistances.open(recipe.evaluation().extractors(why -> {}), stream, 1).close();
  }

  @Override
  public String finish(TrainingRun<AutoencoderTask> run) throws IOException {
    MeasuredModel result = evaluate(run);
    RunFolder folder = run.folder();
    AtomicFiles.write(folder.report(), Report.html(RunReports.single(recipe, folder, result)));
    AtomicFiles.write(folder.evaluation(), result.json());
    result.requireFinite(folder.model()); // the report shows when it diverged
    return result.text() + leftOut();
  }

  /**
   * How many pictures were left out so far.
   *
   * @return a line, empty for none
   */
  public String leftOut() {
    return skipped.line();
  }

  /**
   * Measures the model as it is now; distances of features if their weights are named.
   *
   * @param run the run
   * @return figures and pictures
   * @throws IOException when data or weights cannot be read
   */
  public MeasuredModel evaluate(TrainingRun<AutoencoderTask> run) throws IOException {
    return evaluate(run, OptionalLong.empty(), why -> {}, SharedBatches.ALONE).orElseThrow();
  }

  /**
   * Measures the model as it is now.
   *
   * @param run the run
   * @param sample seed of samples of the posterior that are decoded; empty: its mode is
   * @param note told why there is no rFID
   * @param shared who computes which batch
   * @return figures and pictures; empty in ranks after the first
   * @throws IOException when data or weights cannot be read
   * @throws EqvaeException.Argument if other images are held out than when the run began
   */
  public Optional<MeasuredModel> evaluate(
      TrainingRun<AutoencoderTask> run,
      OptionalLong sample,
      Consumer<String> note,
      SharedBatches shared)
      throws IOException {
    new HeldOutNames(run.folder())
        .requireMeasured(recipe, heldOutNames(), ", or name pictures with --data DIR");
    EvaluationRecipe e = recipe.evaluation();
    float[] images = data.heldOutShown(e.images(), MeasuredModel.SHOWN);
    Trainer<AutoencoderTask> trainer = run.trainer();
    Stream stream = trainer.stream();
    try (HeldOut held = heldOut(e.images());
        ReconstructionDistances distances =
            ReconstructionDistances.open(e.extractors(note), stream, e.batch())) {
      return MeasuredModel.of(
          trainer.task().vae(),
          trainer.task().lpips().orElse(null),
          distances,
          stream,
          recipe,
          MeasuredModel.batches(held),
          images,
          sample,
          trainer.stepMemory(),
          Measured.ofRun(
              run.folder().path(), run.isAveraged(), trainer.step(), data.heldOutSize() > 0),
          shared);
    }
  }
}
