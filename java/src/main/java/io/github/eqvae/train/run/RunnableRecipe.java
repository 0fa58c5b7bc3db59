package io.github.eqvae.train.run;

import io.github.eqvae.train.Task;
import io.github.eqvae.train.TrainingRecipe;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.SettingChange;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * A recipe that a {@link TrainingRun} can run: in addition to the task it has data, figures and
 * results.
 *
 * @param <T> the kind of task
 */
public interface RunnableRecipe<T extends Task> extends TrainingRecipe<T> {
  /**
   * The kind of recipe this is.
   *
   * @return the kind that reads it
   */
  RecipeKind<? extends RunnableRecipe<T>> kind();

  /**
   * All settings one by one.
   *
   * @return values as text by key, such as {@code run.steps}, in the order of {@link #toYaml()}
   */
  Map<String, String> settings();

  /**
   * The settings that differ in another recipe.
   *
   * @param later the other recipe
   * @return the settings that differ, in the order of {@link #toYaml()}
   */
  default List<SettingChange> changes(RunnableRecipe<T> later) {
    return SettingChange.between(settings(), later.settings());
  }

  /**
   * Whether a setting may change when a run is continued: length, rates and paths may, settings
   * that the network's weights belong to may not.
   *
   * @param key such as {@code run.steps}
   * @return true if it may
   */
  boolean mayChange(String key);

  /**
   * Settings that are valid but have no effect, or a known bad one.
   *
   * @return one sentence each, empty when there is nothing to say
   */
  List<String> warnings();

  /**
   * Messages before a run: the {@link #warnings}, and which optional parts it trains without.
   *
   * @return one sentence each
   */
  default List<String> notes() {
    return warnings();
  }

  /**
   * Checks the files that a new run would start from, such as a checkpoint, without reading their
   * numbers.
   *
   * @return messages about them, one sentence each
   * @throws IOException when one cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when one does not fit the recipe
   */
  default List<String> checkStart() throws IOException {
    return List.of();
  }

  /**
   * Opens the data.
   *
   * @param observer told what is wrong with some of them
   * @return the data and their use, to be closed by the caller
   * @throws IOException when they cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when there are too few
   */
  Workload<T> workload(RunObserver observer) throws IOException;
}
