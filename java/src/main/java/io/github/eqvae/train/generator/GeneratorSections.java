package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The sections read from one tree, before anybody has checked that they fit together. */
record GeneratorSections(
    NetworkRecipe model,
    LatentsRecipe data,
    ProcessRecipe process,
    AlignmentRecipe alignment,
    OptimizerRecipe optimizer,
    RunRecipe run,
    SamplesRecipe samples,
    DistanceRecipe distance) {

  /** PyTorch's, with which DiT and SiT were trained. */
  private static final List<Double> BETAS = List.of(0.9, 0.999);

  /**
   * Reads and checks a whole tree: types, ranges, unknown keys, then what must fit together.
   *
   * @throws RecipeException with everything that is wrong
   */
  static GeneratorSections read(RecipeNode.Section root) {
    RecipeProblems problems = new RecipeProblems(root);
    RecipeFields in = RecipeFields.root(root, problems);
    String task = GeneratorRecipe.KIND.task();
    in.text(RecipeKind.KEY, task, task, task::equals);
    NetworkRecipe model = NetworkRecipe.read(in.section("model"));
    GeneratorSections sections =
        new GeneratorSections(
            model,
            LatentsRecipe.read(in.section("data")),
            ProcessRecipe.read(in, model),
            AlignmentRecipe.read(root, in, model),
            OptimizerRecipe.read(in.section("optimizer"), OptimizerRecipe.Kind.ADAMW, BETAS),
            RunRecipe.read(in.section("run")),
            SamplesRecipe.read(in.section("samples")),
            DistanceRecipe.read(in.section("distance")));
    problems.addUnknownKeys();
    problems.throwIfAny();
    GeneratorChecks.check(sections, problems);
    problems.throwIfAny();
    return sections;
  }

  /** All sections as they are written. */
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(RecipeKind.KEY, GeneratorRecipe.KIND.task());
    map.put("model", model.toMap());
    map.put("data", data.toMap());
    map.put(process.section(), process.toMap());
    map.put(AlignmentRecipe.SECTION, alignment.toMap());
    map.put("optimizer", optimizer.toMap());
    map.put("run", run.toMap());
    map.put("samples", samples.toMap());
    map.put("distance", distance.toMap());
    return map;
  }
}
