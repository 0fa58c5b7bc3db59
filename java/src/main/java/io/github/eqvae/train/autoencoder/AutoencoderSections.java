package io.github.eqvae.train.autoencoder;

import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;

/** The sections read from one tree, before the checks that they fit together. */
record AutoencoderSections(
    ModelRecipe model,
    DataRecipe data,
    ObjectiveRecipe objective,
    OptimizerRecipe optimizer,
    double discLearningRate,
    RunRecipe run,
    EvaluationRecipe evaluation) {

  /**
   * Reads and checks a whole tree: types, ranges, unknown keys, then what must fit together.
   *
   * @throws RecipeException with everything that is wrong
   */
  static AutoencoderSections read(RecipeNode.Section root) {
    RecipeProblems problems = new RecipeProblems(root);
    RecipeFields in = RecipeFields.root(root, problems);
    String task = AutoencoderRecipe.KIND.task();
    in.text(RecipeKind.KEY, task, task, task::equals);
    ModelRecipe model = ModelRecipe.read(in.section("model"));
    DataRecipe data = DataRecipe.read(in.section("data"), model);
    RecipeFields updates = in.section("optimizer");
    OptimizerRecipe optimizer = OptimizerRecipe.read(updates);
    AutoencoderSections sections =
        new AutoencoderSections(
            model,
            data,
            ObjectiveRecipe.read(in.section("objective"), model.kind()),
            optimizer,
            updates.number("disc_learning_rate", optimizer.learningRate(), Range.POSITIVE),
            RunRecipe.read(in.section("run")),
            EvaluationRecipe.read(in.section("evaluation"), data));
    problems.addUnknownKeys();
    // A placeholder stands for each wrong value, and would only cause further complaints below.
    problems.throwIfAny();
    AutoencoderChecks.check(sections, problems);
    problems.throwIfAny();
    return sections;
  }
}
