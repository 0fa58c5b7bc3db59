package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.Loader;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.eval.RFid;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.GraphStatistics;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.Datasets;
import io.github.eqvae.train.autoencoder.EvaluationRecipe;
import io.github.eqvae.train.autoencoder.HeldOut;
import io.github.eqvae.train.autoencoder.ImageBatches;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.log.Progress;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.log.TensorBoardWriter;
import io.github.eqvae.train.report.ReportData;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One training run with everything around it: data, progress, logs, samples, checkpoints, report.
 */
final class Session implements AutoCloseable {
  private static final double MIB = 1 << 20;
  private static final int SAMPLES = 8;
  private static final int BACKGROUND = 255;

  private final AutoencoderRecipe recipe;
  private final RunFolder folder;
  private final boolean overfitBatch;
  private final PrintWriter err;
  private final Part part;
  private final Datasets data;
  private final Trainer<AutoencoderTask> trainer;
  private int broken;
  private boolean averaged;
  private @Nullable FolderLock lock;
  private String bestText = "";

  /**
   * What of a command this run is.
   *
   * @param task a short name for it, which progress is shown under
   * @param stepsAfter steps of the runs that follow
   */
  record Part(String task, long stepsAfter) {
    /** The only run. */
    static final Part WHOLE = new Part("training", 0);
  }

  Session(AutoencoderRecipe recipe, RunFolder folder, boolean overfitBatch, PrintWriter err)
      throws IOException {
    this(recipe, folder, overfitBatch, err, Part.WHOLE);
  }

  Session(
      AutoencoderRecipe recipe, RunFolder folder, boolean overfitBatch, PrintWriter err, Part part)
      throws IOException {
    this.part = part;
    this.recipe = recipe;
    this.folder = folder;
    this.overfitBatch = overfitBatch;
    this.err = err;
    ThreadCount.check(recipe.run(), Runtime.getRuntime().availableProcessors())
        .ifPresent(note -> err.println("eqvae: note: " + note));
    // Needed only at the end of a training: a wrong name must not show that late.
    recipe
        .evaluation()
        .inceptionWeights()
        .filter(file -> !Files.isReadable(file))
        .ifPresent(
            file -> {
              throw new EqvaeException.Argument(
                  "evaluation.inception_weights: there is no readable file " + file);
            });
    data = new Datasets(recipe, this::skipped);
    trainer = new Trainer<>(recipe);
  }

  private synchronized void skipped(String name, String cause) {
    broken++;
    err.println("eqvae: skipped broken image " + FileNames.shown(name) + ": " + cause);
    err.flush();
  }

  long step() {
    return trainer.step();
  }

  Trainer<AutoencoderTask> trainer() {
    return trainer;
  }

  /** Has the average (EMA) measured from now on, if the run keeps one. */
  void useAverage() {
    averaged = trainer.useAverage();
  }

  Datasets data() {
    return data;
  }

  /** How many images there are. */
  static String describe(Datasets data) {
    return String.format(
        Locale.ROOT,
        "%,d images to train on, %,d held out",
        data.trainingSize(),
        data.heldOutSize());
  }

  /** Trains to the end or until asked to stop. */
  Trainer.End train(boolean resume) throws IOException {
    return train(resume, "go on with: " + Invocation.command("train", "--resume", folder.path()));
  }

  /** The same; {@code advice} is what to do once it was stopped. */
  Trainer.End train(boolean resume, String advice) throws IOException {
    lock = folder.lock("train", err);
    if (!resume && folder.isUsed()) {
      throw folder.isTaken(); // since it was looked at
    }
    List<AutoencoderRecipe.Change> changes =
        resume ? folder.readRecipe(List.of()).changes(recipe) : List.of();
    if (resume) {
      folder.requireHeldOut(data.heldOutNames());
    }
    if (resume && folder.hasCheckpoints()) {
      Checkpoint checkpoint = folder.latest(recipe, err);
      folder.requireSteps(recipe, checkpoint.step());
      trainer.resume(checkpoint);
      err.println("eqvae: going on from " + checkpoint.directory());
      err.flush();
    } else if (resume) {
      trainer.initialize();
      err.println("eqvae: " + folder.path() + " has no checkpoint yet; starting from step 0");
      err.flush();
    } else {
      trainer.initialize();
    }
    BestModel best =
        new BestModel(recipe.run(), folder.best(), folder.metrics(), resume ? trainer.step() : 0);
    best.changed(changes.stream().map(AutoencoderRecipe.Change::key).toList());
    boolean over = best.isOver() && trainer.step() < recipe.run().steps();
    // Everything was looked at; what follows changes the folder.
    if (resume) {
      folder.keepHeldOut(data.heldOutNames());
      if (!over) {
        folder.setModelAside();
      }
    }
    if (!resume) {
      folder.writeStart(recipe, data.heldOutNames());
    } else if (!changes.isEmpty()) {
      folder.writeRecipe(recipe);
      err.println("eqvae: recipe.yaml has changed: " + changes);
      err.flush();
    }
    if (over) {
      note(
          "this run ended at step "
              + trainer.step()
              + ": "
              + best.reason()
              + ". It is not trained on, only evaluated; with more patience it would be: "
              + Invocation.command(
                  "train",
                  "--resume",
                  folder.path(),
                  "--set",
                  "run.early_stop=" + 2 * recipe.run().earlyStop()));
      bestText = best.text();
      return Trainer.End.FINISHED;
    }
    folder.keepCommand();
    long first = overfitBatch ? 0 : trainer.step() * recipe.optimizer().accumulate();
    StopSignal signal =
        new StopSignal(
            trainer::requestStop,
            () -> "stopped at step " + trainer.step() + " and saved; " + advice,
            this::unlock);
    err.println("eqvae: " + describe(data));
    recipe
        .run()
        .emaDecay()
        .ifPresent(
            decay ->
                err.printf(
                    Locale.ROOT,
                    "eqvae: validation, samples and the end use an average of the weights over"
                        + " about the last %,.0f updates (run.ema_decay %s)%n",
                    1 / (1 - decay),
                    decay));
    if (data.heldOutNames().size() > data.trainingSize()) {
      err.println(
          "eqvae: note: more images are held out than trained on. To hold out fewer, begin a new"
              + " run with --set data.validation=N");
    }
    err.flush();
    Trainer.End end;
    try (signal;
        Loader loader = data.training(first);
        RunLog log = new RunLog(folder.metrics(), trainer.step());
        TensorBoardWriter board = new TensorBoardWriter(folder.tensorboard(), trainer.step());
        Progress progress =
            Progress.start(
                    part.task(), recipe.run().steps(), trainer.step(), recipe.run().logEvery())
                .followedBy(part.stepsAfter())) {
      if (!changes.isEmpty()) {
        Map<String, Object> line = new LinkedHashMap<>();
        changes.forEach(c -> line.put(c.key(), c.after()));
        log.write("changed", trainer.step(), line);
      }
      float[] held = data.heldOutShown(EvaluationRecipe.VALIDATION_IMAGES, SAMPLES);
      end =
          trainer.run(
              ImageBatches.of(batches(loader)),
              () -> {
                Map<String, Double> values = validate();
                best.validated(
                    trainer.step(),
                    values,
                    trainer.task().vae(),
                    trainer.stream(),
                    TrainedModel.metadata(folder.path()));
                if (best.isOver()) {
                  trainer.requestStop();
                }
                return values;
              },
              folder.store(recipe),
              new Listener(log, board, progress, held));
      log.write("resources", trainer.step(), resources());
      if (best.isOver() && end == Trainer.End.STOPPED) {
        end = Trainer.End.FINISHED;
        log.write("early_stop", trainer.step(), Map.of("reason", best.reason()));
        note("ended at step " + trainer.step() + ": " + best.reason());
      }
      bestText = best.text();
      signal.saved();
    }
    sayResources();
    return end;
  }

  /** What the run took on its device: the plans count training steps and validation apart. */
  private Map<String, Object> resources() {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("peak_bytes", trainer.memory().peakBytes());
    line.put("planned_bytes", trainer.plan().deviceBytes());
    line.put("planned_validation_bytes", trainer.plan().evaluationBytes());
    line.put("graphs_captured", trainer.graphs().captured());
    line.put("graphs_launched", trainer.graphs().launched());
    return line;
  }

  private void sayResources() {
    GraphStatistics graphs = trainer.graphs();
    err.printf(
        Locale.ROOT,
        "eqvae: peak memory on %s %,.1f MiB (planned: training steps %,.1f, validation beside them"
            + " %,.1f%s)%s%n",
        recipe.run().device(),
        trainer.memory().peakBytes() / MIB,
        trainer.plan().deviceBytes() / MIB,
        trainer.plan().evaluationBytes() / MIB,
        trainer.plan().scratchBytes() > 0 ? "" : ", and scratch memory as it was needed",
        graphs.captured() == 0
            ? ""
            : "; steps ran as "
                + graphs.captured()
                + " graphs, launched again "
                + graphs.launched()
                + " times");
    err.flush();
  }

  private ImageBatches batches(Loader loader) {
    float[] kept = new float[0];
    float[][] only = {kept};
    return (index, images) -> {
      if (overfitBatch && only[0].length > 0) {
        System.arraycopy(only[0], 0, images, 0, images.length);
        return;
      }
      Batch batch = loader.next();
      if (!overfitBatch && batch.step() != index) {
        throw new IllegalStateException("batch " + batch.step() + " came, " + index + " was due");
      }
      System.arraycopy(batch.pixels(), 0, images, 0, images.length);
      if (overfitBatch) {
        only[0] = images.clone();
      }
    };
  }

  /** Looks at the weights that are in place, in the memory that was planned for it. */
  private Evaluator evaluator() {
    Evaluator evaluator = new Evaluator(trainer.task().vae(), null, trainer.stream());
    evaluator.reserve(trainer.plan().evaluationBytes());
    return evaluator;
  }

  private int side() {
    return recipe.data().resolution();
  }

  private HeldOut heldOut(int most) {
    return data.heldOut(most, recipe.evaluation().batch());
  }

  private int perImage() {
    return side() * side() * recipe.data().channels();
  }

  private Map<String, Double> validate() throws IOException {
    try (HeldOut held = heldOut(EvaluationRecipe.VALIDATION_IMAGES);
        Evaluator evaluator = evaluator()) {
      evaluator.ssim(recipe.evaluation().ssim());
      Evaluation e =
          evaluator.measure(Result.batches(held), side(), List.of(90), List.of(0.5), null);
      Map<String, Double> values = new LinkedHashMap<>();
      values.put("psnr", e.psnr());
      values.put("ssim", e.ssim());
      values.put("rotation_error_90", e.rotationError());
      values.put("scale_error_0.5", e.scaleError());
      values.put("latent_std", e.statistics().std());
      return values;
    }
  }

  /** Evaluates, writes model and report; returns the summary for the terminal. */
  String finish() throws IOException {
    requireOwned();
    useAverage();
    Map<String, String> metadata = new LinkedHashMap<>(TrainedModel.metadata(folder.path()));
    metadata.put(Measured.STEP_KEY, Long.toString(step()));
    ModelFile.save(folder.model(), trainer.task().vae().parameters(), trainer.stream(), metadata);
    Result result = evaluate();
    ReportData report = Reports.single(recipe, folder, result);
    AtomicFiles.write(folder.report(), io.github.eqvae.train.report.Report.html(report));
    AtomicFiles.write(folder.path().resolve("evaluation.json"), result.json());
    return result.text()
        + (broken > 0 ? broken + " broken images were skipped\n" : "")
        + bestText
        + "report "
        + folder.report()
        + "\nmodel  "
        + folder.model();
  }

  /** The figures and the pictures of the model as it is now; rFID if its weights are named. */
  Result evaluate() throws IOException {
    return evaluate(OptionalLong.empty(), why -> {});
  }

  /** The same, of samples with that seed; {@code note} is told why there is no rFID. */
  Result evaluate(OptionalLong sample, Consumer<String> note) throws IOException {
    float[] shown = data.heldOutShown(recipe.evaluation().images(), Result.SHOWN);
    Stream stream = trainer.stream();
    try (HeldOut images = heldOut(recipe.evaluation().images());
        RFid rfid =
            RFid.open(
                    recipe.evaluation().inceptionWeights(),
                    stream,
                    recipe.evaluation().batch(),
                    note)
                .orElse(null)) {
      return Result.of(
          trainer.task().vae(),
          trainer.task().lpips().orElse(null),
          rfid,
          stream,
          recipe,
          Result.batches(images),
          shown,
          sample,
          trainer.plan().evaluationBytes(),
          Measured.ofRun(folder.path(), averaged, step(), data.heldOutSize() > 0));
    }
  }

  /** Images as pictures. */
  static List<Image> pictures(float[] images, int count, int height, int width, int channels) {
    List<Image> out = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      out.add(
          Image.ofFloats(width, height, channels, images, i * height * width * channels, -1, 1));
    }
    return out;
  }

  /** Originals above reconstructions, transformed originals above decoded transformed latents. */
  private Image grid(float[] held) {
    int n = held.length / perImage();
    float[] x = held;
    int c = recipe.data().channels();
    SpatialTransform turn = SpatialTransform.rotation(1);
    List<Image> tiles = new ArrayList<>(pictures(x, n, side(), side(), c));
    try (Evaluator evaluator = evaluator()) {
      tiles.addAll(pictures(evaluator.reconstruct(x, n, side()), n, side(), side(), c));
      tiles.addAll(pictures(evaluator.transform(x, n, side(), turn), n, side(), side(), c));
      tiles.addAll(pictures(evaluator.decode(x, n, side(), turn), n, side(), side(), c));
    }
    return SampleGrid.of(tiles, n);
  }

  /** Writes what happens to the terminal, the log, TensorBoard and picture files. */
  private final class Listener implements TrainListener {
    private final RunLog log;
    private final TensorBoardWriter board;
    private final Progress progress;
    private final float[] held;
    private final SlowdownWatch watch;
    private final GradientAlarm alarm = new GradientAlarm();

    Listener(RunLog log, TensorBoardWriter board, Progress progress, float[] held) {
      this.log = log;
      this.board = board;
      this.progress = progress;
      this.held = held;
      watch = new SlowdownWatch(recipe.run(), log, progress, err);
    }

    @Override
    public void step(StepReport r) throws IOException {
      requireOwned(); // before the step's line and checkpoint are written
      progress.step(r.step(), r.values().getOrDefault("total", Double.NaN), r.samples());
      watch.step(r.step(), r.samples());
      Optional<String> zero = alarm.check(r);
      if (zero.isPresent()) {
        log.write("zero_gradients", r.step(), Map.of("what", zero.get()));
        note(zero.get());
      }
      if (r.step() % recipe.run().logEvery() == 0 || r.step() == r.steps() || r.skipped()) {
        Map<String, Object> line = new LinkedHashMap<>(r.values());
        line.putAll(r.notes());
        line.put("images_per_second", r.samples() / r.seconds());
        log.write("step", r.step(), line);
        for (Map.Entry<String, Double> e : r.values().entrySet()) {
          board.scalar("train/" + e.getKey(), r.step(), e.getValue());
        }
      }
    }

    @Override
    public void validated(long step, Map<String, Double> values) throws IOException {
      log.write("validation", step, values);
      for (Map.Entry<String, Double> e : values.entrySet()) {
        board.scalar("validation/" + e.getKey(), step, e.getValue());
      }
      watch.begin();
    }

    @Override
    public void samples(long step) throws IOException {
      Image grid = grid(held);
      Files.createDirectories(folder.samples());
      byte[] png = Images.png(grid);
      AtomicFiles.write(
          folder.samples().resolve(String.format(Locale.ROOT, "step-%08d.png", step)), png);
      board.image("samples", step, png, grid.width(), grid.height());
    }

    @Override
    public void nonFinite(
        long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes)
        throws IOException {
      new NonFiniteBatch(recipe, folder, trainer)
          .write(step, batch.floats(AutoencoderTask.IMAGES), values, notes, log, err);
    }
  }

  private void note(String text) {
    err.println("eqvae: note: " + text);
    err.flush();
  }

  @Override
  public void close() {
    try {
      trainer.close();
    } finally {
      unlock();
    }
  }

  private void requireOwned() throws IOException {
    if (lock != null) {
      lock.requireOwned();
    }
  }

  private void unlock() {
    if (lock == null) {
      return;
    }
    try {
      lock.close();
    } catch (IOException e) {
      err.println("eqvae: note: the lock of " + folder.path() + " stays: " + e.getMessage());
      err.flush();
    }
  }
}
