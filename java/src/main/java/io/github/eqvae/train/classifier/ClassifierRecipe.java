package io.github.eqvae.train.classifier;

import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RecipeYaml;
import io.github.eqvae.train.recipe.RunRecipe;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Everything that determines the training of a classifier. */
public final class ClassifierRecipe implements RunnableRecipe<ClassifierTask> {
  /** Recipes that begin with {@code task: classifier}. */
  public static final RecipeKind<ClassifierRecipe> KIND =
      new RecipeKind<>("classifier", ClassifierRecipe::new);

  private final ClassifierModel model;
  private final LabelledImages data;
  private final OptimizerRecipe optimizer;
  private final RunRecipe run;

  private ClassifierRecipe(RecipeNode.Section root) {
    RecipeProblems problems = new RecipeProblems(root);
    RecipeFields in = RecipeFields.root(root, problems);
    in.text(RecipeKind.KEY, KIND.task(), KIND.task(), KIND.task()::equals);
    model = ClassifierModel.read(in.section("model"));
    data = LabelledImages.read(in.section("data"));
    optimizer = OptimizerRecipe.read(in.section("optimizer"));
    run = RunRecipe.read(in.section("run"));
    problems.addUnknownKeys();
    problems.throwIfAny();
    check(problems);
    problems.throwIfAny();
  }

  private void check(RecipeProblems problems) {
    optimizer.check(problems);
    run.check(problems);
    model.check(problems, data);
    if (data.channels() == 2) {
      problems.add("data.channels", "2; expected 1 for gray or 3 for RGB");
    }
  }

  ClassifierConfig config() {
    return model.config(data);
  }

  int classes() {
    return model.classes();
  }

  LabelledImages data() {
    return data;
  }

  @Override
  public RunRecipe run() {
    return run;
  }

  @Override
  public OptimizerRecipe optimizer() {
    return optimizer;
  }

  private Map<String, Object> map() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(RecipeKind.KEY, KIND.task());
    map.put("model", model.toMap());
    map.put("data", data.toMap());
    map.put("optimizer", optimizer.toMap());
    map.put("run", run.toMap());
    return map;
  }

  @Override
  public String toYaml() {
    return RecipeYaml.print(map());
  }

  @Override
  public Map<String, String> settings() {
    return SettingChange.flatten(map());
  }

  @Override
  public ClassifierTask task(Stream stream, boolean planned) {
    return new ClassifierTask(this, stream);
  }

  @Override
  public RecipeKind<ClassifierRecipe> kind() {
    return KIND;
  }

  @Override
  public boolean mayChange(String key) {
    return !key.startsWith("model.")
        && !key.equals("data.resolution")
        && !key.equals("data.channels");
  }

  @Override
  public List<String> warnings() {
    return List.of();
  }

  @Override
  public ClassifierWorkload workload(RunObserver observer) throws IOException {
    return new ClassifierWorkload(this, observer);
  }
}
