package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Version;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.WriteFailure;
import io.github.eqvae.jobs.EncodeOptions;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.AutoencoderWorkload;
import io.github.eqvae.train.autoencoder.MeasuredModel;
import io.github.eqvae.train.autoencoder.RunReports;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.run.Invocation;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae evaluate}: measures a trained model. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    description = {
      "Measures a trained model.",
      "An autoencoder: PSNR, SSIM, LPIPS and rFID (with their weights), the equivariance error per"
          + " angle and scale, latent statistics, spectrum and intrinsic dimension. A run is"
          + " measured on its held-out images or on --data, any other checkpoint on --data."
          + " evaluation.json and report.html are written into the run's folder. If --data,"
          + " --sample, --weights model or --set choose other images or weights, figures are"
          + " written to --json only.",
      "A generator's run: the loss by time on its held-out latents; for dit the variational bound"
          + " in bits per dimension, as its reference reports it.",
      "Generated images (--reference): FID, sFID, Inception score, precision, recall and KID,"
          + " compared with real images; docs/evaluation.md."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae evaluate runs/photos",
      "  eqvae evaluate runs/photos --json - | jq .psnr",
      "  eqvae evaluate runs/photos --data pictures/ --sample 1",
      "  eqvae evaluate runs/photos --set evaluation.images=2048",
      "  eqvae evaluate runs/sd-vae --drop-in sd-vae-ft-ema/ --data pictures/",
      "  eqvae evaluate sd-vae-ft-ema/ --data pictures/ --inception inception-fid.safetensors",
      "  eqvae evaluate runs/photos --set evaluation.inception_weights=inception-fid.safetensors",
      "  eqvae evaluate runs/dit-small --times 250 --json losses.json",
      "  eqvae evaluate runs/sit-small --likelihood 25",
      "  eqvae evaluate samples.npz --reference pictures/ --inception inception-fid.safetensors",
      "  eqvae evaluate pictures/ --write-statistics real.npz --inception inception-fid.safetensors"
    })
final class EvaluateCommand implements Callable<Integer> {
  /** Settings that change how a run is computed, but not the result. */
  private static final Set<String> HOW =
      Set.of(
          "run.device",
          "run.threads",
          "run.precision",
          "data.workers",
          "data.cache_megabytes",
          "data.cache_latents_megabytes");

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Folder of a run, or any checkpoint that `eqvae inspect` reads.")
  private Path run = Path.of(".");

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "A folder of pictures, all of which are measured.")
  private Optional<Path> data = Optional.empty();

  @Option(
      names = "--drop-in",
      paramLabel = "OTHER",
      description =
          "Measures instead whether MODEL can replace this autoencoder for its generators; needs"
              + " --data.")
  private Optional<Path> dropIn = Optional.empty();

  @ArgGroup(exclusive = false, heading = "Options for generated images:%n")
  private GeneratedOptions generated = new GeneratedOptions();

  @ArgGroup(exclusive = false, heading = "Options for a generator's run:%n")
  private GeneratorLosses losses = new GeneratorLosses();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      completionCandidates = CompletionCommand.Settings.class,
      description = "Overrides a run's setting.")
  private List<String> settings = new ArrayList<>();

  @Option(
      names = "--sample",
      paramLabel = "SEED",
      description = "Reconstructs from samples of the posterior, not from its mode.")
  private Optional<Long> sample = Optional.empty();

  @ArgGroup(exclusive = false, heading = "Options for a checkpoint that is not a run:%n")
  private Checkpoint checkpoint = new Checkpoint();

  /** The settings of a run's recipe. */
  private static final class Checkpoint extends SquareOptions {
    @Option(names = "--images", paramLabel = "N", description = "At most N images. Default: all.")
    private Optional<Integer> images = Optional.empty();

    @Option(names = "--batch", paramLabel = "N", description = "Images at once. Default: 4.")
    private Optional<Integer> batch = Optional.empty();

    @Option(names = "--lpips", paramLabel = "FILE", description = "Weights; see `eqvae weights`.")
    private Optional<Path> lpips = Optional.empty();

    @Option(
        names = "--inception",
        paramLabel = "FILE",
        description = "Weights for rFID; see `eqvae weights`.")
    private Optional<Path> inception = Optional.empty();

    @Option(
        names = "--ssim",
        paramLabel = "WHOSE",
        description =
            "The variant of SSIM: scikit_image (without borders), torchmetrics (from 1.4.2),"
                + " released (the released evaluation's call, which takes the range from each pair"
                + " of images). Default: scikit_image.")
    private Optional<Ssim.Variant> ssim = Optional.empty();

    boolean isUsed() {
      return isGiven()
          || isDecodingGiven()
          || batch.isPresent()
          || images.isPresent()
          || lpips.isPresent()
          || inception.isPresent()
          || ssim.isPresent();
    }
  }

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private JsonOption json = new JsonOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    json.check();
    MeasuringOptions.check(spec);
    if (generated.isGiven()) {
      return generated(stdout, stderr);
    }
    generated.requireNone();
    if (dropIn.isPresent()) {
      return dropIn(dropIn.get(), stdout, stderr);
    }
    if (GeneratorLosses.isOf(run)) {
      boolean other = data.isPresent() || sample.isPresent() || checkpoint.isUsed();
      List<String> overrides = new ArrayList<>(settings);
      device.addTo(overrides);
      losses.requireAlone(run, other);
      return losses.print(run, overrides, weights.choice(), json, stdout, stderr);
    }
    losses.requireNone();
    if (Files.exists(run) && !TrainedModel.isRun(run)) {
      return checkpoint(stdout, stderr);
    }
    if (checkpoint.isUsed()) {
      throw new EqvaeException.Argument(
          run
              + " is the folder of a run, whose recipe says size, crop, images and weights (--set"
              + " evaluation.images=N ...). To measure it as any checkpoint: "
              + Invocation.command("evaluate", new RunFolder(run).model(), "--data", "DIR")
              + " ...");
    }
    RunFolder folder = new RunFolder(run);
    List<String> overrides = new ArrayList<>(settings);
    device.addTo(overrides);
    data.ifPresent(
        d -> {
          if (!Files.isDirectory(d)) {
            throw new EqvaeException.Argument("--data " + d + " is not a folder");
          }
          overrides.addAll(
              List.of(
                  "data.kind=image_folder",
                  RecipeReader.set("data.path", d.toString()),
                  "data.pad=0",
                  "data.validation=0",
                  "data.validation_path=null"));
        });
    AutoencoderRecipe recipe = folder.readRecipe(overrides, List.of(AutoencoderRecipe.KIND));
    Console console = new Console(stderr);
    AutoencoderWorkload images = recipe.workload(console);
    try (TrainingRun<AutoencoderTask> measured =
        new TrainingRun<>(recipe, images, folder, console)) {
      measured.trainer().resume(folder.latest(recipe, console));
      useWanted(measured);
      MeasuredModel result =
          images.evaluate(
              measured,
              seed(),
              why -> console.note(why + " in evaluation.inception_weights (docs/rfid.md)"));
      if (data.isPresent()) {
        result = result.on(data.get());
      }
      result.requireFinite(run);
      PrintWriter text = json.text(stdout, stderr);
      text.print(result.text() + images.leftOut());
      Optional<String> other = notTheRuns(TrainedModel.recipe(run), recipe);
      if (other.isPresent()) {
        text.println(
            "not kept in "
                + run
                + ", whose evaluation.json is of its own weights and images (now: "
                + other.get()
                + ")"
                + (json.isGiven() ? "" : "; --json FILE keeps them"));
      } else {
        text.flush();
        text.println(keep(recipe, folder, result, stderr));
      }
      text.flush();
      json.write(result.json(), stdout);
    }
    return 0;
  }

  /** Writes the result into the run's folder, if its training has ended; returns a message. */
  private static String keep(
      AutoencoderRecipe recipe, RunFolder folder, MeasuredModel result, PrintWriter err)
      throws IOException {
    FolderLock lock;
    try {
      lock = folder.lock("evaluate", new Console(err)::note);
    } catch (EqvaeException.Argument taken) {
      return "nothing was written: " + taken.getMessage();
    } catch (FileSystemException answer) { // the run's folder may not be writable
      return "nothing was written into "
          + folder.evaluation().getParent()
          + ": "
          + WriteFailure.reason(answer)
          + "; --json FILE keeps the figures";
    }
    try (lock) {
      AtomicFiles.write(folder.evaluation(), result.json());
      AtomicFiles.write(
          folder.report(),
          io.github.eqvae.train.report.Report.html(RunReports.single(recipe, folder, result)));
    }
    return "report " + folder.report();
  }

  /** Options with which the metrics are not those of the run's model on its own images. */
  private Optional<String> notTheRuns(AutoencoderRecipe own, AutoencoderRecipe now) {
    List<String> other = new ArrayList<>();
    data.ifPresent(d -> other.add("--data " + d));
    sample.ifPresent(seed -> other.add("--sample " + seed));
    if (weights.choice() == Weights.MODEL) {
      other.add("--weights model");
    }
    if (data.isEmpty()) {
      own.changes(now).stream()
          .map(SettingChange::key)
          .filter(key -> !key.startsWith("evaluation.") && !HOW.contains(key))
          .forEach(key -> other.add("--set " + key));
    }
    return other.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", other));
  }

  private int generated(PrintWriter stdout, PrintWriter stderr) throws IOException {
    GeneratedEvaluation evaluation = generated.evaluation(run, checkpoint.inception);
    try (Device on = device.name().map(Device::open).orElseGet(Device::best)) {
      Map<String, Object> figures = evaluation.measure(on, Version.TEXT, stderr);
      PrintWriter text = json.text(stdout, stderr);
      text.print(GeneratedReport.text(figures));
      text.flush();
      json.write(GeneratedReport.json(figures), stdout);
    }
    return 0;
  }

  private int dropIn(Path other, PrintWriter stdout, PrintWriter stderr) throws IOException {
    Path pictures =
        data.orElseThrow(
            () -> new EqvaeException.Argument("--drop-in needs pictures: add --data DIR"));
    SkippedFiles skipped = new SkippedFiles(new Console(stderr)::skipped);
    ImageFolder folder = ImageFolder.open(pictures, checkpoint.decode(), skipped);
    int count = Math.min(folder.size(), checkpoint.images.orElse(folder.size()));
    try (Device on = device.name().map(Device::open).orElseGet(Device::best);
        Vae mine = Vae.load(run, on, VaeOptions.defaults().withWeights(weights.choice()));
        Vae theirs = Vae.load(other, on)) {
      WeightsOption.say(stderr, run, mine.weightsNote());
      WeightsOption.say(stderr, other, theirs.weightsNote());
      DropIn result =
          DropIn.measure(
              List.of(run.toString(), other.toString()),
              mine,
              theirs,
              folder,
              checkpoint.squares(
                  checkpoint.side(mine.resolution(), mine.downsamplingFactor()),
                  EncodeOptions.Crop.ADM),
              count,
              checkpoint.batch.orElse(4));
      PrintWriter text = json.text(stdout, stderr);
      text.print(result.text() + skipped.line());
      text.flush();
      json.write(result.json(), stdout);
    }
    return 0;
  }

  private void useWanted(TrainingRun<AutoencoderTask> measured) {
    TrainedModel.requireAverage(run, weights.choice());
    if (weights.choice() != Weights.MODEL) {
      measured.useAverage();
    }
    Trainer<AutoencoderTask> trainer = measured.trainer();
    FiniteWeights.require(run.toString(), trainer.task().vae().parameters(), trainer.stream());
  }

  private OptionalLong seed() {
    return sample.map(OptionalLong::of).orElse(OptionalLong.empty());
  }

  private int checkpoint(PrintWriter stdout, PrintWriter stderr) throws IOException {
    Path pictures =
        data.orElseThrow(
            () ->
                new EqvaeException.Argument(
                    run
                        + " is not the folder of a run, so there are no held-out images: name"
                        + " pictures with --data"));
    if (!settings.isEmpty()) {
      throw new EqvaeException.Argument(
          "--set overrides a run's settings, and "
              + run
              + " is a checkpoint: use --images, --size");
    }
    Checkpoint c = checkpoint;
    SkippedFiles skipped = new SkippedFiles(new Console(stderr)::skipped);
    MeasuredModel result =
        new CheckpointEvaluation(
                run,
                pictures,
                c,
                c.images.map(OptionalInt::of).orElse(OptionalInt.empty()),
                c.batch.orElse(4),
                c.lpips,
                c.inception,
                seed(),
                c.ssim.orElse(Ssim.Variant.SCIKIT_IMAGE),
                device.name(),
                weights.choice())
            .run(stderr, skipped);
    result.requireFinite(run);
    PrintWriter text = json.text(stdout, stderr);
    text.print(result.text() + skipped.line());
    text.flush();
    json.write(result.json(), stdout);
    return 0;
  }
}
