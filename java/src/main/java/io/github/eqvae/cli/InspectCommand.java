package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.ClassifierMetadata;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.KnownModel;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae inspect}: shows the content of a checkpoint. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    description = {
      "Shows the contents of a checkpoint, or of a folder of latents.",
      "Format, architecture, the published model it matches, number of parameters, tensors, other"
          + " content, tensors that are missing or unexpected, numbers that are not finite, and"
          + " whether it can be run. Exits with 1 if it is not a complete autoencoder, generator"
          + " (DiT, SiT, REPA, LightningDiT, MaskGIT), vision transformer (DINOv2) or classifier of"
          + " ours, or cannot be run."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae inspect vae/",
      "  eqvae inspect sd-v1.ckpt",
      "  eqvae inspect DiT-XL-2-256x256.pt --trained-as dit",
      "  eqvae inspect runs/photos/model.safetensors --keys"
    })
final class InspectCommand implements Callable<Integer> {
  private static final String ROW = TensorTable.ROW;

  /** The number of channels that are shown: all of 16, some of FLUX.2's 128. */
  private static final int NUMBERS_SHOWN = 16;

  @Parameters(
      index = "0",
      paramLabel = "FILE",
      description = "A checkpoint (a file or a folder), or a folder that encode made.")
  private Path path = Path.of(".");

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private GeneratorHintsOption generator = new GeneratorHintsOption();

  @Option(names = "--keys", description = "Lists every tensor with type and shape.")
  private boolean keys;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    if (LatentFolder.isThere(path)) {
      if (keys || generator.isGiven() || weights.choice() != Weights.AUTO) {
        throw new EqvaeException.Argument(
            path + " holds latents: leave out options that are for checkpoints");
      }
      new LatentsInspection(out).print(path);
      out.flush();
      return 0;
    }
    try (CheckpointFile file = CheckpointFile.open(path, weights.choice())) {
      out.printf(ROW, "file", path);
      out.printf(ROW, "format", file.format());
      boolean whole;
      try {
        whole = print(out, file);
      } catch (EqvaeException.Argument | EqvaeException.Unsupported e) {
        table(out).groups("", file.tensors().values());
        beside(out, file);
        out.flush();
        throw e;
      }
      beside(out, file);
      out.flush();
      return whole ? 0 : 1;
    }
  }

  private boolean print(PrintWriter out, CheckpointFile file) throws IOException {
    if (AutoencoderCheckpoint.isThere(file)) {
      generator.requireNone();
      return print(out, AutoencoderCheckpoint.of(file, weights.choice()));
    }
    if (GeneratorCheckpoint.isThere(file)) {
      GeneratorCheckpoint found = GeneratorCheckpoint.of(file, weights.choice(), generator.hints());
      generator.requireFits(file.path(), found.config().heads(), found.process());
      return new GeneratorInspection(out, table(out)).print(found);
    }
    if (MaskGitCheckpoint.isThere(file)) {
      MaskGitCheckpoint found = MaskGitCheckpoint.of(file, weights.choice(), generator.hints());
      generator.requireFits(file.path(), found.config());
      return new MaskGitInspection(out, table(out)).print(found);
    }
    if (ClassifierMetadata.isThere(file.metadata())) {
      generator.requireNone();
      Path weights = Files.isDirectory(path) ? new RunFolder(path).model() : path;
      return new ClassifierInspection(out, table(out)).print(file, weights);
    }
    if (VitCheckpoint.isThere(file)) {
      return new VitInspection(out, table(out))
          .print(VitCheckpoint.of(file, generator.hints().heads()));
    }
    return print(
        out, AutoencoderCheckpoint.of(file, weights.choice())); // its error says what the file is
  }

  /** Whether the file has no error. */
  private boolean print(PrintWriter out, AutoencoderCheckpoint checkpoint) {
    String prefix = checkpoint.prefix();
    out.printf(
        ROW, "naming", checkpoint.naming() + (prefix.isEmpty() ? "" : ", under " + prefix + "*"));
    checkpoint.weightsNote().ifPresent(note -> out.printf(ROW, "weights", note));
    out.printf(ROW, "model", models(checkpoint.known()));
    checkpoint
        .architecture()
        .values()
        .forEach((name, value) -> out.printf("  %-28s %s%n", name, value));
    settings(checkpoint.settings())
        .forEach((name, value) -> out.printf("  %-28s %s%n", name, value));
    Collection<StoredTensor> tensors = checkpoint.tensors().values();
    table(out).parameters(tensors);
    table(out).groups(prefix, tensors);
    checkpoint
        .others()
        .forEach(
            (what, count) -> out.printf(ROW, "also there", what + " (tensors: " + count + ")"));
    boolean whole = checkpoint.report().isClean();
    if (whole) {
      out.printf(ROW, "whole", "yes: nothing is missing, nothing unexpected");
    } else {
      out.printf(ROW, "whole", "no:");
      checkpoint.report().lines().forEach(line -> out.println("  " + line));
    }
    List<String> notFinite = checkpoint.notFinite();
    if (notFinite.isEmpty()) {
      out.printf(ROW, "finite", "yes: no number is NaN or infinite");
    } else {
      out.printf(ROW, "finite", "no: NaN or infinite are");
      notFinite.forEach(line -> out.println("  " + line));
    }
    Optional<String> obstacle = checkpoint.obstacle();
    out.printf(
        ROW,
        "can be run",
        obstacle
            .map(why -> "no: " + why)
            .orElse(whole && notFinite.isEmpty() ? "yes" : "no: see above"));
    return whole && notFinite.isEmpty() && obstacle.isEmpty();
  }

  private static String models(List<KnownModel> known) {
    if (known.isEmpty()) {
      return "none of the published ones";
    }
    String names =
        known.stream()
            .map(m -> m.title() + " (" + m.id() + ")")
            .collect(Collectors.joining(" or "));
    return known.size() == 1 ? names : names + ": they differ in weights and scaling alone";
  }

  private static Map<String, String> settings(AutoencoderSettings settings) {
    Map<String, String> rows = new LinkedHashMap<>();
    rows.put("norm_num_groups", orUnknown(settings.normNumGroups().stream().boxed().toList()));
    rows.put(
        "padding_mode",
        settings
            .padding()
            .map(mode -> mode.name().toLowerCase(Locale.ROOT))
            .orElse(
                "not in the file; zeros unless its author says otherwise (convert"
                    + " --padding-mode)"));
    rows.put("sample_size", orUnknown(settings.sampleSize().stream().boxed().toList()));
    List<LatentScaling> scaling = settings.scaling().stream().toList();
    rows.put(
        "scaling_factor", orUnknown(scaling.stream().map(LatentScaling::scalingFactor).toList()));
    rows.put("shift_factor", orUnknown(scaling.stream().map(LatentScaling::shiftFactor).toList()));
    if (scaling.stream().anyMatch(s -> !s.mean().isEmpty())) {
      LatentScaling s = scaling.getFirst();
      if (s.gathers()) {
        rows.put("batch norm of the latent", "squares of 2×2 as in FLUX.2, eps " + s.eps());
      }
      rows.put("latents_mean", numbers(s.mean()));
      rows.put("latents_std", numbers(s.std()));
    }
    rows.put("force_upcast", orUnknown(settings.forceUpcast().stream().toList()));
    return rows;
  }

  private static String numbers(List<Double> all) {
    int shown = Math.min(all.size(), NUMBERS_SHOWN);
    return all.subList(0, shown).stream()
            .map(v -> String.format(Locale.ROOT, "%.6g", v))
            .collect(Collectors.joining(", "))
        + (all.size() > shown ? " … " + all.size() + " in all" : "");
  }

  private static String orUnknown(List<?> value) {
    return value.isEmpty() ? "not in the file" : value.getFirst().toString();
  }

  private TensorTable table(PrintWriter out) {
    return new TensorTable(out, keys);
  }

  private static void beside(PrintWriter out, CheckpointFile file) {
    file.beside().forEach(what -> out.printf(ROW, "also there", what));
  }
}
