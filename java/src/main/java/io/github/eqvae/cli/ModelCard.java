package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code README.md} that model hubs show: what the model is, its figures, how it was trained,
 * and the command that wrote it. One that is there already is somebody's own and stays.
 */
final class ModelCard {
  private static final String FILE = "README.md";

  private ModelCard() {}

  /** Writes it beside a model that came from a run; returns where. */
  static Optional<Path> write(
      Path folder, Path source, AutoencoderCheckpoint checkpoint, AutoencoderSettings settings)
      throws IOException {
    Path file = folder.resolve(FILE);
    Path parent = source.toAbsolutePath().getParent();
    Path run = TrainedModel.isRun(source) ? source : parent;
    if (run == null || !TrainedModel.isRun(run) || Files.exists(file)) {
      return Optional.empty();
    }
    AtomicFiles.write(file, text(run, checkpoint, settings));
    return Optional.of(file);
  }

  private static String text(
      Path run, AutoencoderCheckpoint checkpoint, AutoencoderSettings settings) throws IOException {
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
    figures(run, out);
    out.append("\n## Use\n\n```python\nfrom diffusers import AutoModel\n\n");
    out.append("vae = AutoModel.from_pretrained(\"PATH\")\n```\n");
    out.append("\n## Training\n\n```yaml\n");
    out.append(Files.readString(run.resolve("recipe.yaml")).strip());
    out.append("\n```\n\nWritten by `");
    out.append(System.getProperty("eqvae.command", "eqvae convert").replace('`', '\''));
    return out.append("`\n").toString();
  }

  private static void figures(Path run, StringBuilder out) throws IOException {
    Path file = run.resolve("evaluation.json");
    if (!Files.isRegularFile(file)) {
      out.append("\nNo figures were measured; `eqvae evaluate` does.\n");
      return;
    }
    JsonNode json = ResultFile.read(file);
    Map<String, String> names = new LinkedHashMap<>();
    names.put("psnr", "PSNR, dB");
    names.put("ssim", "SSIM");
    names.put("lpips", "LPIPS");
    names.put("rfid", "rFID");
    names.put("rotation_error", "equivariance error, rotation");
    names.put("scale_error", "equivariance error, scale");
    out.append("\n## Figures\n\nOf ").append(json.path("images").asInt());
    out.append(" held-out images.\n\n| | |\n|---|---|\n");
    names.forEach(
        (key, name) -> {
          if (json.path(key).isNumber()) {
            out.append(
                String.format(Locale.ROOT, "| %s | %.4f |%n", name, json.path(key).asDouble()));
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
}
