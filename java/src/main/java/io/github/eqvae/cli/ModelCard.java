package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.eqvae.Invocation;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.autoencoder.Measured;
import io.github.eqvae.train.autoencoder.MeasuredWith;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The {@code README.md} that model hubs show: what the model is, its figures, how it was trained,
 * and the commands that trained and wrote it. Figures are those of its own weights only. An
 * existing README.md is replaced only if eqvae wrote it and nobody changed it, which its last line
 * shows.
 */
final class ModelCard {
  private static final String FILE = "README.md";
  private static final String NONE =
      "\nNo figures of these weights were measured on the run's own images; `eqvae evaluate` does"
          + " that.\n";

  private static final String SEAL = "\n<!-- as written by eqvae: ";

  private static final String SEAL_END = " -->\n";

  private ModelCard() {}

  private static String sealed(String text) {
    return text + SEAL + Integer.toHexString(text.hashCode()) + SEAL_END;
  }

  private static boolean isOurs(Path file) throws IOException {
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    int seal = text.lastIndexOf(SEAL);
    return seal >= 0 && text.equals(sealed(text.substring(0, seal)));
  }

  /** Writes the card beside a run's model and returns its path; if it does not, a note says why. */
  static Optional<Path> write(
      Path folder,
      Path source,
      Weights weights,
      AutoencoderCheckpoint checkpoint,
      AutoencoderSettings settings,
      Consumer<String> note)
      throws IOException {
    Path file = folder.resolve(FILE);
    Path parent = source.toAbsolutePath().getParent();
    Path run = TrainedModel.isRun(source) ? source : parent;
    if (run == null || !TrainedModel.isRun(run)) {
      return Optional.empty();
    }
    if (Files.exists(file) && !isOurs(file)) {
      note.accept(
          file
              + " was not written by eqvae and is kept. Check that its figures belong to these"
              + " weights, or remove it and convert again");
      return Optional.empty();
    }
    RunFolder of = new RunFolder(run.toAbsolutePath().normalize());
    Path model = source.toAbsolutePath().normalize();
    StringBuilder figures = new StringBuilder();
    if (model.equals(of.best())) {
      best(checkpoint.file().metadata(), figures);
    } else if (model.equals(of.path()) || model.equals(of.model())) {
      // The file holds the average if the run keeps one; --weights model of the folder does not.
      boolean averaged =
          TrainedModel.recipe(run).run().emaDecay().isPresent()
              && !(model.equals(of.path()) && weights == Weights.MODEL);
      String step = checkpoint.file().metadata().getOrDefault(RunFolder.STEP_KEY, "");
      figures(run, averaged, step.isEmpty() ? lastStep(of) : step, figures);
    } else {
      figures.append(NONE);
    }
    AtomicFiles.write(file, sealed(text(of, checkpoint, settings, figures)));
    return Optional.of(file);
  }

  /**
   * The step of a model whose file lacks it, as earlier versions wrote them. It is that of the
   * run's newest checkpoint, because a run that continues moves its model away.
   */
  private static String lastStep(RunFolder run) throws IOException {
    return run.store(TrainedModel.recipe(run.path())).latest().checkpoint().stream()
        .map(c -> Long.toString(c.step()))
        .findFirst()
        .orElse("");
  }

  private static String text(
      RunFolder run,
      AutoencoderCheckpoint checkpoint,
      AutoencoderSettings settings,
      CharSequence figures)
      throws IOException {
    StringBuilder out = new StringBuilder();
    out.append("---\nlibrary_name: diffusers\ntags:\n- autoencoder\n- eq-vae\n---\n\n");
    out.append("# ").append(checkpoint.architecture().kind().className());
    out.append(
        String.format(
            Locale.ROOT,
            ", f%d, %d channels%n%nAn autoencoder of %,d parameters, trained with"
                + " [EQ-VAE](https://arxiv.org/abs/2502.09509) by eqvae.%n",
            1 << (checkpoint.architecture().levels() - 1),
            checkpoint.architecture().embedDim(),
            checkpoint.architecture().parameterCount()));
    checkpoint
        .weightsNote()
        .ifPresent(note -> out.append("\nWeights: ").append(note).append(".\n"));
    settings
        .scaling()
        .ifPresent(
            s ->
                out.append(
                    s.gathers()
                        ? "\nThe latent is normalised by `bn`, as FLUX.2's.\n"
                        : String.format(
                            Locale.ROOT,
                            "%nscaling_factor %s, shift_factor %s.%n",
                            s.scalingFactor(),
                            s.shiftFactor())));
    out.append(figures);
    out.append("\n## Use\n\n```python\nfrom diffusers import AutoModel\n\n");
    out.append("vae = AutoModel.from_pretrained(\"PATH\")\n```\n");
    // runs of earlier versions did not record it; this is equivalent
    String trained =
        Files.isRegularFile(run.commands())
            ? Files.readString(run.commands()).strip()
            : "eqvae train recipe.yaml";
    out.append("\n## Training\n\n```console\n");
    trained.lines().forEach(line -> out.append("$ ").append(line).append('\n'));
    out.append("$ ").append(Invocation.published());
    out.append("\n```\n\n`recipe.yaml`:\n\n```yaml\n");
    out.append(Files.readString(run.recipe()).strip());
    return out.append("\n```\n").toString();
  }

  /**
   * The metrics of the validation that found the best model; the final metrics are of another
   * model.
   */
  private static void best(Map<String, String> metadata, StringBuilder out) {
    String step = metadata.get(RunFolder.STEP_KEY);
    Map<String, String> names = names();
    names.keySet().stream()
        .filter(key -> step != null && metadata.containsKey("eqvae." + key))
        .forEach(
            key ->
                out.append("\n## Figures\n\nOf the validation at step ")
                    .append(step)
                    .append(", the best of the training.\n\n| | |\n|---|---|\n")
                    .append(row(names.get(key), Double.parseDouble(metadata.get("eqvae." + key)))));
    if (out.isEmpty()) {
      out.append(NONE);
    }
  }

  private static String row(String name, double value) {
    return String.format(Locale.ROOT, "| %s | %.4f |%n", name, value);
  }

  private static void figures(Path run, boolean averaged, String step, StringBuilder out)
      throws IOException {
    Path file = run.resolve("evaluation.json");
    JsonNode json = Files.isRegularFile(file) ? ResultFile.read(file) : MissingNode.getInstance();
    if (!Measured.isOf(json, averaged, step)) {
      out.append(NONE);
      return;
    }
    out.append("\n## Figures\n\nOf ").append(json.path("images").asInt()).append(' ');
    out.append(json.path("measured").path("pictures").asText());
    out.append(" images, at step ").append(step).append(".\n\n| | |\n|---|---|\n");
    boolean distances = MeasuredWith.hasDistances(json);
    names()
        .forEach(
            (key, name) -> {
              if (json.path(key).isNumber()) {
                out.append(row(name, json.path(key).asDouble()));
              } else if (key.equals("lpips") && distances) {
                out.append("| ").append(name).append(" | ").append(MeasuredWith.NO_LPIPS);
                out.append(" |\n");
              }
            });
    JsonNode latent = json.path("latent");
    out.append(
        String.format(
            Locale.ROOT,
            "| mean, standard deviation of the latent | %.4f, %.4f |%n",
            latent.path("mean").asDouble(),
            latent.path("std").asDouble()));
  }

  private static Map<String, String> names() {
    Map<String, String> names = new LinkedHashMap<>();
    names.put("psnr", "PSNR, dB");
    names.put("ssim", "SSIM");
    names.put("lpips", "LPIPS");
    names.putAll(ReconstructionDistances.names());
    names.put("rotation_error", "equivariance error, rotation");
    names.put("scale_error", "equivariance error, scale");
    return names;
  }
}
