package io.github.eqvae.train;

/** The sections read from one tree, before anybody has checked that they fit together. */
record RecipeSections(
    ModelRecipe model,
    DataRecipe data,
    ObjectiveRecipe objective,
    OptimizerRecipe optimizer,
    RunRecipe run,
    EvaluationRecipe evaluation) {

  /**
   * Reads and checks a whole tree: types, ranges, unknown keys, then what must fit together.
   *
   * @throws RecipeException with everything that is wrong
   */
  static RecipeSections read(RecipeNode.Section root) {
    RecipeProblems problems = new RecipeProblems(root);
    RecipeFields in = RecipeFields.root(root, problems);
    ModelRecipe model = ModelRecipe.read(in.section("model"));
    DataRecipe data = DataRecipe.read(in.section("data"), model);
    RecipeSections sections =
        new RecipeSections(
            model,
            data,
            ObjectiveRecipe.read(in.section("objective"), model.kind()),
            OptimizerRecipe.read(in.section("optimizer")),
            RunRecipe.read(in.section("run")),
            EvaluationRecipe.read(in.section("evaluation"), data));
    problems.addUnknownKeys();
    // A placeholder for a wrong value would only produce follow-up complaints below.
    problems.throwIfAny();
    RecipeChecks.check(sections, problems);
    problems.throwIfAny();
    return sections;
  }
}
