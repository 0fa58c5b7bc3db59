package io.github.eqvae.train.autoencoder;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeNode.Origin;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.RecipeYaml;
import io.github.eqvae.train.recipe.RunRecipe;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything that determines a training run: immutable, complete and valid once it exists.
 *
 * <p>The YAML keys are the snake_case names of the record components, section by section; {@link
 * RecipeReader} reads them and {@link #toYaml()} writes all of them, defaults included.
 *
 * @param model the autoencoder and the discriminator's shape
 * @param data the images
 * @param objective the loss and the transform τ
 * @param optimizer how both networks are updated
 * @param discLearningRate {@code optimizer.disc_learning_rate}: step size of the discriminator;
 *     default {@code optimizer.learning_rate}. Source: released: one rate for both optimisers
 * @param run length, device, seed and what is written on the way
 * @param evaluation what is measured on held-out images
 */
public record AutoencoderRecipe(
    ModelRecipe model,
    DataRecipe data,
    ObjectiveRecipe objective,
    OptimizerRecipe optimizer,
    double discLearningRate,
    RunRecipe run,
    EvaluationRecipe evaluation)
    implements RunnableRecipe<AutoencoderTask> {

  /** Recipes that begin with {@code task: autoencoder}, or do not say. */
  public static final RecipeKind<AutoencoderRecipe> KIND =
      new RecipeKind<>("autoencoder", AutoencoderRecipe::read);

  /**
   * Checks every range and every combination, exactly as for a file.
   *
   * @throws RecipeException naming everything that is wrong
   */
  public AutoencoderRecipe {
    AutoencoderSections.read(
        tree(
            new AutoencoderSections(
                model, data, objective, optimizer, discLearningRate, run, evaluation),
            new Origin("recipe", 0)));
  }

  private static AutoencoderRecipe read(RecipeNode.Section root) {
    return of(AutoencoderSections.read(root));
  }

  /**
   * Reads a recipe of an autoencoder from a file.
   *
   * @param file the YAML file
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws RecipeException if it is none
   */
  public static AutoencoderRecipe read(Path file, List<String> overrides) {
    return RecipeReader.read(file, overrides, List.of(KIND));
  }

  /**
   * Reads a recipe of an autoencoder from text.
   *
   * @param yaml the text
   * @param source the name that error texts give to it
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws RecipeException if it is none
   */
  public static AutoencoderRecipe parse(String yaml, String source, List<String> overrides) {
    return RecipeReader.parse(yaml, source, overrides, List.of(KIND));
  }

  static AutoencoderRecipe of(AutoencoderSections sections) {
    return new AutoencoderRecipe(
        sections.model(),
        sections.data(),
        sections.objective(),
        sections.optimizer(),
        sections.discLearningRate(),
        sections.run(),
        sections.evaluation());
  }

  /**
   * A copy with some values replaced, written as on the command line.
   *
   * @param overrides texts such as {@code objective.equivariance_probability=0.3} or {@code
   *     objective.rotations=[90, 270]}, applied in order
   * @return the changed recipe; values that defaulted to another key's keep the value they have
   * @throws RecipeException if an override is malformed, unknown or makes the recipe invalid
   */
  public AutoencoderRecipe with(String... overrides) {
    RecipeNode.Section root = tree(sections(), new Origin("recipe", 0));
    RecipeReader.override(root, List.of(overrides));
    return read(root);
  }

  @Override
  public AutoencoderTask task(Stream stream, boolean planned) throws IOException {
    return new AutoencoderTask(this, stream, planned);
  }

  @Override
  public long cacheBytes() {
    return ((long) data.cacheMegabytes() << 20) + data.latentsCacheBytes();
  }

  /**
   * The complete effective recipe: every key with its value, defaults included.
   *
   * @return YAML that {@link RecipeReader} reads back to an equal recipe
   */
  @Override
  public String toYaml() {
    return RecipeYaml.print(map(sections()));
  }

  @Override
  public RecipeKind<AutoencoderRecipe> kind() {
    return KIND;
  }

  @Override
  public AutoencoderWorkload workload(RunObserver observer) throws IOException {
    return new AutoencoderWorkload(this, observer);
  }

  @Override
  public List<String> warnings() {
    return AutoencoderChecks.warnings(this);
  }

  @Override
  public List<String> notes() {
    List<String> all = new ArrayList<>(warnings());
    if (objective.perceptualWeight() == 0) {
      all.add(
          "objective.perceptual_weight is 0: training goes without LPIPS (docs/lpips.md says how to"
              + " add it)");
    }
    return List.copyOf(all);
  }

  @Override
  public List<String> checkStart() throws IOException {
    return InitialWeights.check(this).stream()
        .map(note -> note.replace("--weights ", "model.init_weights="))
        .map(note -> model.initFrom().orElse(Path.of("model.init_from")) + ": " + note)
        .toList();
  }

  @Override
  public boolean mayChange(String key) {
    return !key.startsWith("model.");
  }

  @Override
  public Map<String, String> settings() {
    return SettingChange.flatten(map(sections()));
  }

  private AutoencoderSections sections() {
    return new AutoencoderSections(
        model, data, objective, optimizer, discLearningRate, run, evaluation);
  }

  private static RecipeNode.Section tree(AutoencoderSections sections, Origin origin) {
    return (RecipeNode.Section) RecipeNode.of(map(sections), origin);
  }

  private static Map<String, Object> map(AutoencoderSections sections) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(RecipeKind.KEY, KIND.task());
    map.put("model", sections.model().toMap());
    map.put("data", sections.data().toMap());
    map.put("objective", sections.objective().toMap());
    map.put("optimizer", optimizer(sections));
    map.put("run", sections.run().toMap());
    map.put("evaluation", sections.evaluation().toMap());
    return map;
  }

  /** The engine's section, and the discriminator's rate. */
  private static Map<String, Object> optimizer(AutoencoderSections sections) {
    Map<String, Object> map = new LinkedHashMap<>(sections.optimizer().toMap());
    map.put("disc_learning_rate", sections.discLearningRate());
    return map;
  }
}
