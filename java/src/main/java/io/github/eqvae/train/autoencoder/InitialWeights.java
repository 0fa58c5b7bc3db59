package io.github.eqvae.train.autoencoder;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The checkpoint that a fine-tuning starts from: {@code model.init_from}. */
public final class InitialWeights {
  private static final String SETTINGS = "init_from.json";
  private static final ObjectMapper JSON = new ObjectMapper();

  private InitialWeights() {}

  /**
   * Checks the checkpoint without reading its numbers.
   *
   * @param recipe the recipe
   * @return messages about it: which weights are taken if it has two sets of them; whether its
   *     padding mode differs from the recipe's
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it is not whole, or of another architecture than the
   *     recipe; the message has everything that differs
   */
  public static List<String> check(AutoencoderRecipe recipe) throws IOException {
    Optional<Path> path = recipe.model().initFrom();
    List<String> notes = new ArrayList<>();
    if (path.isPresent()) {
      if (Files.notExists(path.get())) {
        throw new EqvaeException.Argument(
            "model.init_from: there is nothing at "
                + path.get()
                + "; name a checkpoint, or null to start from random weights");
      }
      try (AutoencoderCheckpoint checkpoint =
          AutoencoderCheckpoint.open(path.get(), recipe.model().initWeights())) {
        check(recipe, path.get(), checkpoint);
        checkpoint.weightsNote().ifPresent(notes::add);
        edgesNote(recipe.model(), checkpoint).ifPresent(notes::add);
      }
    }
    return notes;
  }

  /** Fine-tuning with another padding mode is common, but it can also be a mistake. */
  private static Optional<String> edgesNote(ModelRecipe model, AutoencoderCheckpoint checkpoint) {
    PaddingMode theirs = checkpoint.settings().padding().orElse(PaddingMode.ZEROS);
    if (theirs == model.paddingMode()) {
      return Optional.empty();
    }
    String says =
        checkpoint.settings().padding().isPresent()
            ? "its convolutions were trained with padding_mode zeros"
            : "it does not say which padding_mode its convolutions were trained with, usually"
                + " zeros";
    return Optional.of(
        says
            + "; this run uses "
            + model.paddingMode().name().toLowerCase(Locale.ROOT)
            + ". If that is a mistake, set model.padding_mode=zeros");
  }

  /**
   * Copies the checkpoint's metadata into the folder of a run, because the checkpoint may be gone
   * or have changed when the run ends.
   *
   * @param recipe the recipe
   * @param folder of the run; gets {@code init_from.json} if the recipe names a checkpoint
   * @throws IOException when one cannot be read or the other written
   */
  public static void keepSettings(AutoencoderRecipe recipe, Path folder) throws IOException {
    Optional<Path> path = recipe.model().initFrom();
    if (path.isPresent()) {
      try (AutoencoderCheckpoint checkpoint =
          AutoencoderCheckpoint.open(path.get(), recipe.model().initWeights())) {
        Map<String, String> kept = new LinkedHashMap<>();
        kept.put("path", path.get().toAbsolutePath().toString());
        checkpoint.weightsNote().ifPresent(note -> kept.put("weights", note));
        kept.putAll(checkpoint.settings().metadata());
        AtomicFiles.write(
            folder.resolve(SETTINGS),
            JSON.writerWithDefaultPrettyPrinter().writeValueAsString(kept));
      }
    }
  }

  /**
   * The scaling of the latents of the checkpoint that a run started from. Fine-tuning keeps it:
   * EQ-VAE's generators were trained with SD-VAE's factor.
   *
   * @param folder of the run
   * @return empty if it started from none, or from one that does not say
   * @throws IOException when {@code init_from.json} is there and cannot be read
   */
  public static Optional<LatentScaling> scaling(Path folder) throws IOException {
    Path file = folder.resolve(SETTINGS);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    Map<String, String> kept = JSON.readValue(file.toFile(), new TypeReference<>() {});
    return AutoencoderSettings.of(file.toString(), kept).scaling();
  }

  /**
   * Reads the checkpoint, if the recipe names one.
   *
   * @param recipe the recipe
   * @param parameters receive the weights
   * @param stream orders the work
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it is of another architecture
   */
  static void load(AutoencoderRecipe recipe, ParameterStore parameters, Stream stream)
      throws IOException {
    Optional<Path> path = recipe.model().initFrom();
    if (path.isPresent()) {
      try (AutoencoderCheckpoint checkpoint =
          AutoencoderCheckpoint.open(path.get(), recipe.model().initWeights())) {
        check(recipe, path.get(), checkpoint);
        checkpoint.loadInto(parameters, stream);
      }
    }
  }

  private static void check(AutoencoderRecipe recipe, Path path, AutoencoderCheckpoint checkpoint) {
    ModelRecipe model = recipe.model();
    List<String> differences =
        new ArrayList<>(
            model
                .architecture()
                .differences("the recipe", checkpoint.architecture(), "the checkpoint"));
    checkpoint
        .settings()
        .normNumGroups()
        .ifPresent(
            groups -> {
              if (groups != model.normNumGroups()) {
                differences.add(
                    "norm_num_groups: the recipe has "
                        + model.normNumGroups()
                        + ", the checkpoint "
                        + groups);
              }
            });
    checkpoint
        .settings()
        .padding()
        .filter(mode -> mode != PaddingMode.ZEROS && mode != model.paddingMode())
        .ifPresent(
            mode ->
                differences.add(
                    "padding_mode: the recipe has "
                        + model.paddingMode().name().toLowerCase(Locale.ROOT)
                        + ", the checkpoint "
                        + mode.name().toLowerCase(Locale.ROOT)));
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          "model.init_from: "
              + path
              + " is of another architecture than the recipe:\n  "
              + String.join("\n  ", differences)
              + "\nChange section model, or name another checkpoint; "
              + Invocation.shown("inspect", path)
              + " shows it.");
    }
    checkpoint.report().requireClean("model.init_from: " + path);
  }
}
