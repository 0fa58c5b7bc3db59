package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.StoredWeights;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/** The autoencoder in the folder of a run, without what only training needs. */
public final class TrainedModel {
  private static final String RECIPE = "recipe.yaml";
  private static final String CHECKPOINTS = "checkpoints";
  private static final String MODEL = "model.safetensors";

  private TrainedModel() {}

  /**
   * Whether a folder is one of a run.
   *
   * @param folder the folder
   * @return true if a run was begun in it
   */
  public static boolean isRun(Path folder) {
    return Files.isRegularFile(folder.resolve(RECIPE));
  }

  /**
   * The recipe of a run.
   *
   * @param folder the folder of a run
   * @return its recipe
   */
  public static AutoencoderRecipe recipe(Path folder) {
    return AutoencoderRecipe.read(folder.resolve(RECIPE), List.of());
  }

  /**
   * Checks that a run has the weights that are asked for.
   *
   * @param folder the folder of a run
   * @param weights which weights
   * @throws EqvaeException.Argument if it is the average and the run keeps none
   */
  public static void requireAverage(Path folder, Weights weights) {
    if (weights == Weights.EMA && recipe(folder).run().emaDecay().isEmpty()) {
      throw new EqvaeException.Argument(
          folder + " keeps no average: its run.ema_decay is null; leave out --weights ema");
    }
  }

  /**
   * The metadata of a run's model, for the file with its tensors: facts that the tensors do not
   * show.
   *
   * @param folder the folder of a run
   * @return free strings beside the tensors
   * @throws IOException when {@code init_from.json} cannot be read
   */
  public static Map<String, String> metadata(Path folder) throws IOException {
    AutoencoderRecipe recipe = recipe(folder);
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt");
    metadata.putAll(
        new AutoencoderSettings(
                OptionalInt.of(recipe.model().normNumGroups()),
                OptionalInt.of(recipe.data().resolution()),
                InitialWeights.scaling(folder),
                Optional.empty(),
                Optional.of(recipe.model().paddingMode()))
            .metadata());
    return metadata;
  }

  /**
   * Builds a run's autoencoder without reading weights: for a plan of memory.
   *
   * @param folder the folder of a run
   * @param stream orders the work; its device holds the parameters
   * @return the model, not for training; the caller closes it
   */
  public static Autoencoder untaught(Path folder, Stream stream) {
    return recipe(folder).model().build(stream, 0, false);
  }

  /**
   * Reads the weights of the newest whole checkpoint, or those of {@code model.safetensors} if
   * there is no checkpoint.
   *
   * @param folder the folder of a run
   * @param stream orders the work; its device holds the parameters
   * @param weights whether to take the averaged weights (EMA), which are those of {@code
   *     model.safetensors}; {@link Weights#AUTO} does, if the run keeps an average
   * @return the model, not for training; the caller closes it
   * @throws IOException when a file cannot be read
   * @throws EqvaeException.Argument when there are no weights, they do not fit the recipe, or are
   *     not finite
   */
  public static Autoencoder load(Path folder, Stream stream, Weights weights) throws IOException {
    requireAverage(folder, weights);
    AutoencoderRecipe recipe = recipe(folder);
    Autoencoder vae = recipe.model().build(stream, 0, false);
    try {
      Path store = folder.resolve(CHECKPOINTS);
      CheckpointStore.Latest latest =
          Files.isDirectory(store)
              ? new CheckpointStore(store, recipe.run().keep()).latest()
              : new CheckpointStore.Latest(Optional.empty(), List.of());
      if (latest.checkpoint().isPresent()) {
        read(latest.checkpoint().get(), vae, stream, weights != Weights.MODEL);
      } else if (Files.exists(folder.resolve(MODEL))) {
        ModelFile.load(folder.resolve(MODEL), vae.parameters(), stream);
      } else {
        throw new EqvaeException.Argument(
            folder
                + " holds no weights: neither a whole checkpoint nor "
                + MODEL
                + latest.refused().stream()
                    .map(r -> "; " + r.directory() + " was refused: " + r.reason())
                    .collect(Collectors.joining()));
      }
      FiniteWeights.require(folder.toString(), vae.parameters(), stream);
      return vae;
    } catch (IOException | RuntimeException | Error e) {
      vae.close();
      throw e;
    }
  }

  /**
   * Reads the discriminator of the newest whole checkpoint.
   *
   * @param folder the folder of a run
   * @param stream orders the work; its device holds the parameters
   * @return the discriminator; the caller closes it
   * @throws IOException when a file cannot be read
   * @throws EqvaeException.Argument when the run has none, or no checkpoint
   */
  public static Discriminator discriminator(Path folder, Stream stream) throws IOException {
    AutoencoderRecipe recipe = recipe(folder);
    ModelRecipe m = recipe.model();
    Path store = folder.resolve(CHECKPOINTS);
    Optional<Checkpoint> checkpoint =
        Files.isDirectory(store)
            ? new CheckpointStore(store, recipe.run().keep()).latest().checkpoint()
            : Optional.empty();
    if (!recipe.objective().gan().enabled() || checkpoint.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + (checkpoint.isEmpty()
                  ? " holds no whole checkpoint, and only these keep the discriminator"
                  : " was trained without a discriminator: objective.gan.enabled is false"));
    }
    Discriminator d =
        new Discriminator(
            m.outCh(), m.discriminator().ndf(), m.discriminator().nLayers(), stream, 0);
    try {
      StoredWeights.read(
          checkpoint.get(), "discriminator", "discriminator.weights", d.parameters(), stream);
      return d;
    } catch (IOException | RuntimeException | Error e) {
      d.close();
      throw e;
    }
  }

  private static void read(Checkpoint checkpoint, Autoencoder vae, Stream stream, boolean average)
      throws IOException {
    boolean averaged = average && checkpoint.names().contains("vae.ema");
    StoredWeights.read(
        checkpoint, "vae", averaged ? "vae.ema" : "vae.weights", vae.parameters(), stream);
  }
}
