package io.github.eqvae.train.kinds;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.run.RunnableRecipe;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A network that does not learn is noticed, whatever kind of task trains it. */
class ZeroGradientsTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "sit-small",
        "repa-small",
        "maskgit-small",
        "classifier-fashion-mnist",
        "classifier-vit-fashion-mnist"
      })
  void theNormOfEveryNetworkIsWatched(String name) throws Exception {
    RunnableRecipe<?> recipe =
        RecipeKinds.read(ShippedRecipes.resolve(Path.of(name)), List.of("run.batch_size=2"));
    try (Device planner = Device.open("null"); // only names are needed
        Stream stream = new Stream(planner);
        Task task = recipe.task(stream, true)) {
      Set<String> watched =
          task.zeroGradients().stream().map(Task.ZeroGradients::norm).collect(Collectors.toSet());
      for (ParameterGroup group : task.groups()) {
        assertTrue(watched.contains(group.norm()), group.name() + ": " + group.norm());
      }
    }
  }
}
