package io.github.eqvae.train;

import io.github.eqvae.train.RecipeNode.Origin;
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
 * @param optimizer the two optimisers
 * @param run length, device, seed and what is written on the way
 * @param evaluation what is measured on held-out images
 */
public record Recipe(
    ModelRecipe model,
    DataRecipe data,
    ObjectiveRecipe objective,
    OptimizerRecipe optimizer,
    RunRecipe run,
    EvaluationRecipe evaluation) {

  /**
   * Checks every range and every combination, exactly as for a file.
   *
   * @throws RecipeException naming everything that is wrong
   */
  public Recipe {
    RecipeSections.read(
        tree(
            new RecipeSections(model, data, objective, optimizer, run, evaluation),
            new Origin("recipe", 0)));
  }

  static Recipe of(RecipeSections sections) {
    return new Recipe(
        sections.model(),
        sections.data(),
        sections.objective(),
        sections.optimizer(),
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
  public Recipe with(String... overrides) {
    RecipeNode.Section root = tree(sections(), new Origin("recipe", 0));
    RecipeReader.override(root, List.of(overrides));
    return of(RecipeSections.read(root));
  }

  /**
   * The complete effective recipe: every key with its value, defaults included.
   *
   * @return YAML that {@link RecipeReader} reads back to an equal recipe
   */
  public String toYaml() {
    return RecipeYaml.print(map(sections()));
  }

  /**
   * Settings that are valid but have no effect, or a known bad one.
   *
   * @return one sentence each, empty when there is nothing to say
   */
  public List<String> warnings() {
    return RecipeChecks.warnings(this);
  }

  /**
   * A setting that another recipe has otherwise.
   *
   * @param key such as {@code run.steps}
   * @param before its value here
   * @param after its value there
   */
  public record Change(String key, String before, String after) {
    @Override
    public String toString() {
      return key + " " + before + " -> " + after;
    }
  }

  /**
   * What another recipe says otherwise.
   *
   * @param later the other recipe
   * @return the settings that differ, in the order of {@link #toYaml()}
   */
  public List<Change> changes(Recipe later) {
    Map<String, String> theirs = new LinkedHashMap<>();
    flatten("", map(later.sections()), theirs);
    Map<String, String> mine = new LinkedHashMap<>();
    flatten("", map(sections()), mine);
    return mine.entrySet().stream()
        .filter(e -> !e.getValue().equals(theirs.get(e.getKey())))
        .map(e -> new Change(e.getKey(), e.getValue(), String.valueOf(theirs.get(e.getKey()))))
        .toList();
  }

  private static void flatten(String prefix, Map<?, ?> map, Map<String, String> out) {
    map.forEach(
        (key, value) -> {
          if (value instanceof Map<?, ?> section) {
            flatten(prefix + key + ".", section, out);
          } else {
            out.put(prefix + key, String.valueOf(value));
          }
        });
  }

  private RecipeSections sections() {
    return new RecipeSections(model, data, objective, optimizer, run, evaluation);
  }

  private static RecipeNode.Section tree(RecipeSections sections, Origin origin) {
    return (RecipeNode.Section) RecipeNode.of(map(sections), origin);
  }

  private static Map<String, Object> map(RecipeSections sections) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("model", sections.model().toMap());
    map.put("data", sections.data().toMap());
    map.put("objective", sections.objective().toMap());
    map.put("optimizer", sections.optimizer().toMap());
    map.put("run", sections.run().toMap());
    map.put("evaluation", sections.evaluation().toMap());
    return map;
  }
}
