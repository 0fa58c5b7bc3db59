package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.StoredWeights;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The generator of a run that has not ended, or the last trained weights of any run: only the run's
 * checkpoints have them.
 */
public final class TrainedGenerator {
  /**
   * The metadata that tensors and recipe do not show, in the form that {@code model.safetensors}
   * will have.
   */
  private static final String METADATA = "generator.json";

  private static final String NETWORK = "generator";

  static final List<RecipeKind<? extends RunnableRecipe<?>>> KINDS =
      List.of(GeneratorRecipe.KIND, MaskGitRecipe.KIND);

  private TrainedGenerator() {}

  /** Written when a run begins, so that its checkpoints can be sampled. */
  static void writeMetadata(RunFolder run, Map<String, String> metadata) throws IOException {
    for (String text : metadata.values()) { // one
      AtomicFiles.write(run.path().resolve(METADATA), text + "\n");
    }
  }

  /**
   * Whether a run was begun in a folder.
   *
   * @param path whatever a user named
   * @return true for the folder of a run, of any kind
   */
  public static boolean isRun(Path path) {
    return new RunFolder(path).isUsed();
  }

  /**
   * Whether a generator must be taken from a run's checkpoints.
   *
   * @param path whatever a user named
   * @param weights which weights are wanted
   * @return true for the folder of a run without {@code model.safetensors}, and for that of any run
   *     if the weights as last trained are wanted
   */
  public static boolean isInCheckpoints(Path path, Weights weights) {
    RunFolder run = new RunFolder(path);
    return run.isUsed() && (weights == Weights.MODEL || !run.isFinished());
  }

  /**
   * Whether a run trains MaskGIT, which makes codes.
   *
   * @param folder the folder of a run
   * @return true if its recipe says so
   */
  public static boolean makesCodes(Path folder) {
    return new RunFolder(folder).<RunnableRecipe<?>>readRecipe(List.of(), KINDS)
        instanceof MaskGitRecipe;
  }

  /**
   * Writes the generator of a run's newest whole checkpoint into a file, as the end of the run
   * would.
   *
   * @param folder the folder of a run
   * @param weights {@link Weights#AUTO} takes the average (EMA) if the run keeps one
   * @param file safetensors; replaced if it is there
   * @return which weights of which step these are, for a message
   * @throws IOException when a file cannot be read or written
   * @throws EqvaeException.Argument when it is no generator's run, has no whole checkpoint, or
   *     keeps no average and one is wanted
   */
  public static String write(Path folder, Weights weights, Path file) throws IOException {
    RunFolder run = new RunFolder(folder);
    RunnableRecipe<?> recipe = run.<RunnableRecipe<?>>readRecipe(List.of(), KINDS);
    Checkpoint checkpoint = latest(run, recipe);
    boolean keepsAverage = checkpoint.names().contains(NETWORK + ".ema");
    if (weights == Weights.EMA && !keepsAverage) {
      throw new EqvaeException.Argument(
          folder + " keeps no average: its run.ema_decay is null; leave out --weights ema");
    }
    boolean average = keepsAverage && weights != Weights.MODEL;
    try (Device device = Device.open("cpu"); // weights are only copied from file to file
        Stream stream = new Stream(device)) {
      ParameterStore parameters = parameters(recipe, stream);
      try {
        StoredWeights.read(
            checkpoint, NETWORK, NETWORK + (average ? ".ema" : ".weights"), parameters, stream);
        FiniteWeights.require(folder.toString(), parameters, stream);
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.putAll(metadata(run, recipe));
        metadata.put(RunFolder.STEP_KEY, Long.toString(checkpoint.step()));
        ModelFile.save(file, parameters, stream, metadata);
      } finally {
        parameters.close();
      }
    }
    return "%s of step %d, its newest checkpoint"
        .formatted(
            average ? "the average (EMA)" : "the weights as last trained", checkpoint.step());
  }

  /** The network of a run, with room for its weights. */
  static ParameterStore parameters(RunnableRecipe<?> recipe, Stream stream) {
    return switch (recipe) {
      case GeneratorRecipe r ->
          new Dit(r.model().config(), r.alignment().shape().orElse(null), stream, 0, false)
              .parameters();
      case MaskGitRecipe r ->
          MaskedTransformer.of(r.model().config(), stream, 0, false).parameters();
      default -> throw new EqvaeException.Internal("no generator: " + recipe.kind().task());
    };
  }

  static Map<String, String> metadata(RunFolder run, RunnableRecipe<?> recipe) throws IOException {
    Path file = run.path().resolve(METADATA);
    boolean codes = recipe instanceof MaskGitRecipe;
    if (Files.isRegularFile(file)) {
      return Map.of(
          codes ? MaskGitMetadata.KEY : GeneratorMetadata.KEY, Files.readString(file).strip());
    }
    return switch (recipe) {
      case GeneratorRecipe r ->
          new GeneratorMetadata(
                  r.model().config(),
                  r.process().process(),
                  Optional.empty(),
                  List.of(),
                  r.alignment().shape().map(a -> new AlignmentOrigin(a, "", "")))
              .toMap();
      case MaskGitRecipe r -> r.metadata(Optional.empty(), List.of()).toMap();
      default -> Map.of();
    };
  }

  static Checkpoint latest(RunFolder run, RunnableRecipe<?> recipe) throws IOException {
    CheckpointStore.Latest latest =
        Files.isDirectory(run.checkpoints())
            ? run.store(recipe).latest()
            : new CheckpointStore.Latest(Optional.empty(), List.of());
    return latest
        .checkpoint()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    run.path()
                        + " has no whole checkpoint yet"
                        + latest.refused().stream()
                            .map(r -> "; " + r.directory() + " was refused: " + r.reason())
                            .collect(Collectors.joining())
                        + ". Train on (eqvae train --resume "
                        + run.path()
                        + "), or set run.save_every lower"));
  }
}
