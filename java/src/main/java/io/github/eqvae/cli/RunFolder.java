package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.Checkpoint;
import io.github.eqvae.train.CheckpointStore;
import io.github.eqvae.train.Recipe;
import io.github.eqvae.train.RecipeReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The folder of a run: {@code recipe.yaml}, {@code checkpoints/}, {@code metrics.jsonl}, {@code
 * tensorboard/}, {@code samples/}, {@code nonfinite/}, {@code model.safetensors}, {@code
 * report.html}.
 *
 * @param path the folder
 */
record RunFolder(Path path) {
  Path recipe() {
    return path.resolve("recipe.yaml");
  }

  Path checkpoints() {
    return path.resolve("checkpoints");
  }

  Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  Path tensorboard() {
    return path.resolve("tensorboard");
  }

  Path samples() {
    return path.resolve("samples");
  }

  Path nonFinite() {
    return path.resolve("nonfinite");
  }

  Path model() {
    return path.resolve("model.safetensors");
  }

  Path report() {
    return path.resolve("report.html");
  }

  CheckpointStore store(Recipe recipe) {
    return new CheckpointStore(checkpoints(), recipe.run().keep());
  }

  /** Whether a run was begun here. */
  boolean isUsed() {
    return Files.exists(recipe());
  }

  void writeRecipe(Recipe recipe) throws IOException {
    Files.createDirectories(path);
    Files.writeString(recipe(), recipe.toYaml(), StandardCharsets.UTF_8);
  }

  /** The recipe the run was started with. */
  Recipe readRecipe(List<String> overrides) {
    if (!Files.isRegularFile(recipe())) {
      throw new EqvaeException.Argument(
          path
              + " is not the folder of a run: it has no recipe.yaml. Name a folder that `eqvae"
              + " train` or `eqvae demo` made, such as runs/demo/eq.");
    }
    return RecipeReader.read(recipe(), overrides);
  }

  /** Whether the run ever saved, be the checkpoints whole or not. */
  boolean hasCheckpoints() throws IOException {
    if (!Files.isDirectory(checkpoints())) {
      return false;
    }
    try (Stream<Path> entries = Files.list(checkpoints())) {
      return entries.anyMatch(p -> p.getFileName().toString().startsWith("step-"));
    }
  }

  /** The newest checkpoint that is whole; what was refused is said. */
  Checkpoint latest(Recipe recipe, PrintWriter err) throws IOException {
    CheckpointStore.Latest latest = store(recipe).latest();
    for (CheckpointStore.Refusal refusal : latest.refused()) {
      err.println("eqvae: checkpoint " + refusal.directory() + " was refused: " + refusal.reason());
    }
    err.flush();
    return latest
        .checkpoint()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "There is no usable checkpoint in " + checkpoints() + "; train first"));
  }
}
