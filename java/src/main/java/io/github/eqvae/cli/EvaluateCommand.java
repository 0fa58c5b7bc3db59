package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.Version;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.autoencoder.MeasuredModel;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
      "An autoencoder: PSNR, SSIM, LPIPS and rFID (with their weights), the Fréchet distance of"
          + " reconstructions on other features (--classifier, --dinov2), the equivariance error"
          + " per angle and scale, latent statistics, spectrum and intrinsic dimension. A run is"
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
      "  eqvae evaluate runs/photos --classifier runs/classifier/model.safetensors",
      "  eqvae evaluate runs/sd-vae --drop-in sd-vae-ft-ema/ --data pictures/",
      "  eqvae evaluate sd-vae-ft-ema/ --data pictures/ --inception inception-fid.safetensors",
      "  eqvae evaluate runs/photos --set evaluation.inception_weights=inception-fid.safetensors",
      "  eqvae evaluate runs/dit-small --times 250 --json losses.json",
      "  eqvae evaluate runs/sit-small --likelihood 25",
      "  eqvae evaluate samples.npz --reference pictures/ --inception inception-fid.safetensors",
      "  eqvae evaluate pictures/ --write-statistics real.npz --inception inception-fid.safetensors"
    })
final class EvaluateCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Folder of a run, or any checkpoint that `eqvae inspect` reads.")
  private Path run = Path.of(".");

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "A folder of pictures, or a file of MNIST's form (…images-idx3-ubyte), all of which are"
              + " measured.")
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

  @ArgGroup(exclusive = false, heading = "Networks whose features are compared:%n")
  private ComparedFeatures features = new ComparedFeatures();

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
    try (RankedRun ranked = RankedRun.connect(System.getenv())) {
      PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
      boolean first = ranked.ranks().isFirst();
      return ranked.run(
          () ->
              evaluate(
                  ranked,
                  first ? spec.commandLine().getOut() : nowhere,
                  first ? spec.commandLine().getErr() : nowhere),
          "To continue, give the same command again (its results must go into a file or a run's"
              + " folder)");
    }
  }

  private int evaluate(RankedRun ranked, PrintWriter stdout, PrintWriter stderr)
      throws IOException {
    ranked.notice().ifPresent(text -> stderr.println("eqvae: note: " + text));
    json.check();
    MeasuringOptions.check(spec);
    if (generated.isGiven()) {
      return generated(shared(ranked, null), stdout, stderr);
    }
    generated.requireNone();
    boolean ofGenerator = dropIn.isEmpty() && GeneratorLosses.isOf(run);
    if ((dropIn.isPresent() || ofGenerator) && !ranked.ranks().isFirst()) {
      return 0; // the first rank does it alone
    }
    if (dropIn.isPresent()) {
      return dropIn(dropIn.get(), stdout, stderr);
    }
    if (ofGenerator) {
      boolean other =
          data.isPresent() || sample.isPresent() || checkpoint.isUsed() || features.isGiven();
      List<String> overrides = new ArrayList<>(settings);
      device.addTo(overrides);
      losses.requireAlone(run, other);
      return losses.print(run, overrides, weights.choice(), json, stdout, stderr);
    }
    losses.requireNone();
    if (Files.exists(run) && !TrainedModel.isRun(run)) {
      return checkpoint(shared(ranked, null), stdout, stderr);
    }
    if (checkpoint.isUsed()) {
      throw new EqvaeException.Argument(
          run
              + " is the folder of a run, whose recipe says size, crop, images and weights (--set"
              + " evaluation.images=N ...). To measure it as any checkpoint: "
              + Invocation.command("evaluate", new RunFolder(run).model(), "--data", "DIR")
              + " ...");
    }
    List<String> all = new ArrayList<>(settings);
    all.addAll(features.settings());
    return new RunEvaluation(run, data, all, sample, weights.choice(), json, device)
        .print(shared(ranked, run.resolve(RunEvaluation.PARTS)), stdout, stderr);
  }

  /** Ranks share the batches; results are kept beside the file that is asked for. */
  private SharedBatches shared(RankedRun ranked, @Nullable Path inRun) {
    return new SharedBatches(ranked.ranks(), json.parts().or(() -> Optional.ofNullable(inRun)));
  }

  private int generated(SharedBatches shared, PrintWriter stdout, PrintWriter stderr)
      throws IOException {
    GeneratedEvaluation evaluation = generated.evaluation(run, checkpoint.inception, features);
    try (Device on = DeviceOption.open(device.name(), stderr)) {
      Map<String, Object> figures = evaluation.measure(on, Version.TEXT, shared, stderr);
      if (!shared.isFirst()) {
        return 0;
      }
      PrintWriter text = json.text(stdout, stderr);
      text.print(GeneratedReport.text(figures));
      text.flush();
      json.write(GeneratedReport.json(figures), stdout);
      shared.finish();
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
    try (Device on = DeviceOption.open(device.name(), stderr);
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
                  checkpoint.side(mine.resolution(), mine.downsamplingFactor()), Crop.ADM),
              count,
              checkpoint.batch.orElse(4));
      PrintWriter text = json.text(stdout, stderr);
      text.print(result.text() + skipped.line());
      text.flush();
      json.write(result.json(), stdout);
    }
    return 0;
  }

  private OptionalLong seed() {
    return sample.map(OptionalLong::of).orElse(OptionalLong.empty());
  }

  private int checkpoint(SharedBatches shared, PrintWriter stdout, PrintWriter stderr)
      throws IOException {
    Path pictures =
        data.orElseThrow(
            () ->
                new EqvaeException.Argument(
                    run
                        + " is not the folder of a run, so there are no held-out images: name"
                        + " pictures with --data; or, if it is images to be measured, others with"
                        + " --reference"));
    if (!settings.isEmpty()) {
      throw new EqvaeException.Argument(
          "--set overrides a run's settings, and "
              + run
              + " is a checkpoint: use --images, --size");
    }
    Checkpoint c = checkpoint;
    SkippedFiles skipped = new SkippedFiles(new Console(stderr)::skipped);
    Optional<MeasuredModel> figures =
        new CheckpointEvaluation(
                run,
                pictures,
                c,
                c.images.map(OptionalInt::of).orElse(OptionalInt.empty()),
                c.batch.orElse(4),
                c.lpips,
                c.inception,
                features,
                seed(),
                c.ssim.orElse(Ssim.Variant.SCIKIT_IMAGE),
                device.name(),
                weights.choice())
            .run(shared, stderr, skipped);
    if (figures.isEmpty()) {
      return 0; // another rank has them
    }
    MeasuredModel result = figures.get();
    result.requireFinite(run);
    PrintWriter text = json.text(stdout, stderr);
    text.print(result.text() + skipped.line());
    text.flush();
    json.write(result.json(), stdout);
    shared.finish();
    return 0;
  }
}
