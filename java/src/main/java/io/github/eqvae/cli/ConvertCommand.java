package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.AutoencoderKind;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.model.checkpoint.CheckpointWriter;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.FolderLayout;
import io.github.eqvae.model.checkpoint.KnownModel;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae convert}: an autoencoder from one naming and file format to another. */
@Command(
    name = "convert",
    mixinStandardHelpOptions = true,
    description = {
      "Converts an autoencoder between diffusers and CompVis, or a generator's file.",
      "Reads a folder of diffusers, safetensors or a PyTorch checkpoint, also one of a complete"
          + " pipeline. The format is recognised by content. Numbers keep their bits unless --dtype"
          + " is given."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae convert sd-v1.ckpt vae/ --to diffusers",
      "  eqvae convert eq-vae.ckpt vae/ --to diffusers --model sd-vae --dtype fp16 --variant fp16",
      "  eqvae convert runs/photos/model.safetensors vae/ --to diffusers --scaling-factor 0.9",
      "  eqvae convert runs/photos/model.safetensors vae/ --to diffusers --scaling-from"
          + " runs/photos/evaluation.json",
      "  eqvae convert vae/ vae.ckpt --to compvis",
      "  eqvae convert vae/ vae.safetensors --to compvis",
      "  eqvae convert runs/photos disc.safetensors --to compvis --discriminator",
      "  eqvae convert 0400000.pt sit.safetensors --to dit --trained-as sit",
      "  eqvae convert repa.pt repa.safetensors --to dit",
      "  eqvae convert runs/repa 0400000.pt --to dit --layout training",
      "  eqvae convert runs/maskgit/model.safetensors current.pth --to maskgit"
    })
final class ConvertCommand implements Callable<Integer> {
  private enum Target {
    DIFFUSERS,
    COMPVIS,
    DIT,
    MASKGIT
  }

  private enum Dtype {
    FP32(FloatType.F32),
    FP16(FloatType.F16),
    BF16(FloatType.BF16);

    private final FloatType type;

    Dtype(FloatType type) {
      this.type = type;
    }
  }

  @Parameters(index = "0", paramLabel = "SRC", description = "A checkpoint: a file or a folder.")
  private Path source = Path.of(".");

  @Parameters(
      index = "1",
      paramLabel = "DST",
      description =
          "A folder for diffusers, a file .ckpt or .safetensors for compvis, .pt or .safetensors"
              + " for dit and maskgit.")
  private Path destination = Path.of(".");

  @Option(
      names = "--to",
      required = true,
      paramLabel = "NAMING",
      description =
          "The names and format to write: diffusers or compvis; for a generator (DiT, SiT,"
              + " REPA, LightningDiT) dit, for MaskGIT maskgit.")
  private Target to = Target.DIFFUSERS;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "The type of the numbers: fp32, fp16 or bf16, rounded to nearest. Default: unchanged.")
  private Optional<Dtype> dtype = Optional.empty();

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description =
          "The published model of SRC, if several have its architecture:"
              + " sd-vae, sdxl-vae, sd3-vae, flux-vae ...")
  private Optional<String> model = Optional.empty();

  @Mixin private ScalingOptions scaling = new ScalingOptions();

  @Option(
      names = "--scaling-from",
      paramLabel = "FILE",
      description =
          "Takes the measured statistics of evaluation.json, `evaluate --json` or the index.json of"
              + " `encode` for the scaling.")
  private Optional<Path> scalingFrom = Optional.empty();

  @Option(
      names = "--scaling-kind",
      paramLabel = "KIND",
      description =
          "With --scaling-from: factor (1 / std), shift (also the mean), channels (latents_mean and"
              + " latents_std), or patches (FLUX.2's batch norm). Default: patches if SRC has that,"
              + " else factor.")
  private Optional<MeasuredScaling.Kind> scalingKind = Optional.empty();

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private GeneratorHintsOption generator = new GeneratorHintsOption();

  @Mixin private GeneratorLayoutOption layout = new GeneratorLayoutOption();

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description =
          "For a folder of diffusers: names its files so that from_pretrained(variant=NAME) finds"
              + " them, such as fp16.")
  private Optional<String> variant = Optional.empty();

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      description = "For a folder of diffusers: splits larger files, with an index. Default: 10GB.")
  private Optional<String> maxShardSize = Optional.empty();

  @Option(
      names = "--discriminator",
      description =
          "Writes the training's discriminator instead of the autoencoder, a .safetensors file with"
              + " the names of taming-transformers; with --to compvis.")
  private boolean discriminator;

  @Option(
      names = "--padding-mode",
      paramLabel = "MODE",
      description =
          "The padding of SRC's convolutions, if it was trained with another mode than its file"
              + " says: zeros, reflect or replicate. It is written to DST as padding_mode;"
              + " diffusers ignores that key.")
  private Optional<PaddingMode> padding = Optional.empty();

  @Option(names = "--overwrite", description = "Replaces DST if it exists.")
  private boolean overwrite;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ConvertTarget target = new ConvertTarget(destination, overwrite, spec);
    boolean pickle = to != Target.DIFFUSERS && target.isPickle();
    if (scalingFrom.isPresent() && scaling.scaling().isPresent()) {
      throw new ParameterException(
          spec.commandLine(), "--scaling-from and --scaling-factor: give one of them.");
    }
    if (scalingKind.isPresent() && scalingFrom.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "--scaling-kind needs the statistics: add --scaling-from FILE.");
    }
    FolderLayout folder = folderLayout();
    if (discriminator && to != Target.COMPVIS) {
      throw new ParameterException(
          spec.commandLine(), "--discriminator: diffusers has none; add --to compvis.");
    }
    try (FolderLock _ = target.take(to == Target.DIFFUSERS, source)) {
      if (discriminator) {
        return discriminator();
      }
      return to == Target.DIT || to == Target.MASKGIT
          ? generator(pickle)
          : autoencoder(pickle, folder);
    }
  }

  private int autoencoder(boolean pickle, FolderLayout folder) throws IOException {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    try (ConvertSource opened = ConvertSource.open(source, weights.choice())) {
      generator.requireNone();
      layout.requireNone();
      AutoencoderCheckpoint checkpoint = opened.checkpoint();
      WeightsOption.say(stderr, source, checkpoint.weightsNote());
      AutoencoderSettings settings = settings(checkpoint);
      CheckpointWriter writer = new CheckpointWriter(dtype.map(d -> d.type));
      CheckpointWriter.Written written =
          to == Target.DIFFUSERS
              ? writer.writeDiffusers(destination, checkpoint, settings, folder)
              : pickle
                  ? writer.writeCkpt(destination, checkpoint, settings)
                  : writer.writeSafetensors(destination, checkpoint, settings);
      ConversionNotes notes = new ConversionNotes(stderr);
      notes.leftOut(checkpoint.others());
      notes.notFinite(checkpoint.notFinite());
      checkpoint
          .architecture()
          .obstacle(settings)
          .ifPresent(
              why -> stderr.println("eqvae: warning: what was written cannot be run: " + why));
      sayScaling(settings, stderr);
      sayOldStatistics(checkpoint, settings, stderr);
      notes.overflows(written.overflows());
      stderr.flush();
      written.files().forEach(file -> stdout.println("wrote " + file));
      if (to == Target.DIFFUSERS) {
        ModelCard.write(
                destination,
                source,
                weights.choice(),
                checkpoint,
                settings,
                text -> stderr.println("eqvae: note: " + text))
            .ifPresent(file -> stdout.println("wrote " + file));
      }
      stderr.flush();
      stdout.flush();
    }
    return 0;
  }

  private int generator(boolean pickle) throws IOException {
    boolean isScaled = scaling.scaling().isPresent() || scalingFrom.isPresent();
    if (model.isPresent() || isScaled || padding.isPresent()) {
      throw new ParameterException(
          spec.commandLine(),
          "--model, --padding-mode and --scaling-… apply to autoencoders, --to dit and maskgit to"
              + " generators.");
    }
    GeneratorConversion conversion =
        new GeneratorConversion(
            source,
            destination,
            pickle,
            layout.layout(),
            dtype.map(d -> d.type),
            weights.choice(),
            generator,
            spec.commandLine());
    if (to == Target.MASKGIT) {
      conversion.maskGit();
    } else {
      conversion.dit();
    }
    return 0;
  }

  private int discriminator() throws IOException {
    PrintWriter stdout = spec.commandLine().getOut();
    DiscriminatorExport.write(source, destination);
    stdout.println("wrote " + destination);
    stdout.flush();
    return 0;
  }

  private FolderLayout folderLayout() {
    if (to != Target.DIFFUSERS && (variant.isPresent() || maxShardSize.isPresent())) {
      throw new ParameterException(
          spec.commandLine(),
          "--variant and --max-shard-size apply to folders: add --to diffusers.");
    }
    return new FolderLayout(
        variant,
        maxShardSize.map(FolderLayout::bytes).orElse(FolderLayout.DEFAULT.maxShardBytes()));
  }

  /** Most pipelines read only scaling_factor; a note says so if other values change. */
  private static void sayScaling(AutoencoderSettings settings, PrintWriter stderr) {
    settings
        .scaling()
        .filter(s -> !s.mean().isEmpty() && s.scalingFactor() == 1 && !s.gathers())
        .ifPresent(
            s ->
                stderr.println(
                    "eqvae: note: scaling_factor is 1 beside latents_mean and latents_std: a"
                        + " generator sees (z - mean) / std only where its pipeline reads these"
                        + " two. Those of DiT, SiT, SD and SDXL multiply by scaling_factor alone;"
                        + " --scaling-kind factor is for them"));
  }

  /** A fine-tuned latent has other statistics than the initial one. */
  private void sayOldStatistics(
      AutoencoderCheckpoint checkpoint, AutoencoderSettings settings, PrintWriter stderr) {
    boolean trained = TrainedModel.isRun(source) || checkpoint.file().format().startsWith("run, ");
    if (trained
        && scalingFrom.isEmpty()
        && settings.scaling().filter(LatentScaling::gathers).isPresent()) {
      stderr.println(
          "eqvae: note: the batch norm of the latents has the statistics of the model that the"
              + " training began with; measured ones: --scaling-from "
              + source.resolve("evaluation.json"));
    }
  }

  private AutoencoderSettings settings(AutoencoderCheckpoint checkpoint) throws IOException {
    AutoencoderSettings settings = checkpoint.settings();
    if (model.isPresent()) {
      settings = known(model.get(), checkpoint).settings().orElse(settings);
    }
    settings = scaling.replace(settings, spec.commandLine().getErr());
    settings = padding.map(settings::with).orElse(settings);
    if (scalingFrom.isPresent()) {
      boolean gathers = settings.scaling().filter(LatentScaling::gathers).isPresent();
      MeasuredScaling.Kind kind =
          scalingKind.orElse(gathers ? MeasuredScaling.Kind.PATCHES : MeasuredScaling.Kind.FACTOR);
      settings = settings.with(MeasuredScaling.read(scalingFrom.get(), kind));
    }
    boolean kl = checkpoint.architecture().kind() == AutoencoderKind.KL;
    if (to == Target.DIFFUSERS && kl && settings.scaling().isEmpty()) {
      throw new EqvaeException.Argument(scalingIsUnknown(checkpoint.known()));
    }
    return settings;
  }

  private KnownModel known(String id, AutoencoderCheckpoint checkpoint) {
    KnownModel known =
        KnownModel.of(id)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "--model "
                            + id
                            + ": there are "
                            + Arrays.stream(KnownModel.values())
                                .map(KnownModel::id)
                                .collect(Collectors.joining(", "))));
    List<String> differences =
        known.architecture().differences(id, checkpoint.architecture(), source.toString());
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          source + " is no " + id + ":\n  " + String.join("\n  ", differences));
    }
    return known;
  }

  /** A wrong factor becomes visible only in the generator's pictures, so it is not guessed. */
  private String scalingIsUnknown(List<KnownModel> candidates) {
    String models =
        candidates.stream()
            .filter(m -> m.settings().scaling().isPresent())
            .map(
                m ->
                    "--model " + m.id() + " (" + m.settings().scaling().get().scalingFactor() + ")")
            .collect(Collectors.joining(" or "));
    return source
        + " does not say how its latent is scaled, and config.json has to: add "
        + (models.isEmpty() ? "" : models + ", or ")
        + "--scaling-factor X with 1 / the latent's standard deviation, or --scaling-from"
        + " evaluation.json, which "
        + Invocation.shown("evaluate")
        + " writes";
  }
}
