package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.recipe.SettingChange;
import java.util.List;
import java.util.stream.Collectors;

/** The changes with which a run may continue. */
final class AllowedChanges {
  private AllowedChanges() {}

  /** The same for the run in a folder. */
  static <T extends Task> List<SettingChange> in(RunFolder folder, RunnableRecipe<T> after) {
    return between(folder.readRecipe(List.of(), List.of(after.kind())), after);
  }

  /**
   * What differs between a run's recipe and the one to continue with.
   *
   * @param before the run's
   * @param after the other one
   * @return the settings that differ
   * @throws EqvaeException.Argument if the network's weights belong to a setting that differs
   */
  static <T extends Task> List<SettingChange> between(
      RunnableRecipe<T> before, RunnableRecipe<T> after) {
    List<SettingChange> changes = before.changes(after);
    List<SettingChange> refused = changes.stream().filter(c -> !before.mayChange(c.key())).toList();
    if (!refused.isEmpty()) {
      throw new EqvaeException.Argument(
          "A run cannot go on with another "
              + refused.stream().map(SettingChange::toString).collect(Collectors.joining(", "))
              + ": its weights are those of the model it began with. Begin another run.");
    }
    return changes;
  }
}
