package io.github.eqvae.train.generator;

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
import java.util.List;
import java.util.Map;

/**
 * Everything that determines the training of a generator: immutable, complete and valid once it
 * exists. {@link RecipeReader} reads the sections and {@link #toYaml()} writes all of them,
 * defaults included.
 *
 * @param model the network
 * @param data the latents
 * @param process how it is trained: section {@code diffusion}, {@code transport} or {@code repa}
 * @param alignment the features that its tokens are aligned with
 * @param optimizer the optimiser
 * @param run length, device, seed and what is written on the way
 * @param samples the samples that are shown during the run
 * @param distance the distance of samples to real images, during the run
 */
public record GeneratorRecipe(
    NetworkRecipe model,
    LatentsRecipe data,
    ProcessRecipe process,
    AlignmentRecipe alignment,
    OptimizerRecipe optimizer,
    RunRecipe run,
    SamplesRecipe samples,
    DistanceRecipe distance)
    implements RunnableRecipe<GeneratorTask> {

  /** Recipes that begin with {@code task: generator}. */
  public static final RecipeKind<GeneratorRecipe> KIND =
      new RecipeKind<>("generator", GeneratorRecipe::read);

  /**
   * Checks every range and every combination, exactly as for a file.
   *
   * @throws RecipeException naming everything that is wrong
   */
  public GeneratorRecipe {
    GeneratorSections.read(
        tree(
            new GeneratorSections(
                model, data, process, alignment, optimizer, run, samples, distance)));
  }

  private static GeneratorRecipe read(RecipeNode.Section root) {
    GeneratorSections s = GeneratorSections.read(root);
    return new GeneratorRecipe(
        s.model(),
        s.data(),
        s.process(),
        s.alignment(),
        s.optimizer(),
        s.run(),
        s.samples(),
        s.distance());
  }

  /**
   * Reads a recipe of a generator from a file.
   *
   * @param file the YAML file
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws RecipeException if it is none
   */
  public static GeneratorRecipe read(Path file, List<String> overrides) {
    return RecipeReader.read(file, overrides, List.of(KIND));
  }

  /**
   * Reads a recipe of a generator from text.
   *
   * @param yaml the text
   * @param source the name that error texts give to it
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws RecipeException if it is none
   */
  public static GeneratorRecipe parse(String yaml, String source, List<String> overrides) {
    return RecipeReader.parse(yaml, source, overrides, List.of(KIND));
  }

  /**
   * A copy with some values replaced, written as on the command line.
   *
   * @param overrides texts such as {@code run.steps=100}, applied in order
   * @return the changed recipe
   * @throws RecipeException if an override is malformed, unknown or makes the recipe invalid
   */
  public GeneratorRecipe with(String... overrides) {
    RecipeNode.Section root = tree(sections());
    RecipeReader.override(root, List.of(overrides));
    return read(root);
  }

  @Override
  public GeneratorTask task(Stream stream, boolean planned) {
    return new GeneratorTask(this, stream);
  }

  @Override
  public String toYaml() {
    return RecipeYaml.print(sections().toMap());
  }

  @Override
  public List<String> warnings() {
    return GeneratorChecks.warnings(this);
  }

  @Override
  public Map<String, String> settings() {
    return SettingChange.flatten(sections().toMap());
  }

  @Override
  public RecipeKind<GeneratorRecipe> kind() {
    return KIND;
  }

  @Override
  public GeneratorWorkload workload(RunObserver observer) throws IOException {
    return new GeneratorWorkload(this, observer);
  }

  /** The network, its objective and its latents may not change. */
  @Override
  public boolean mayChange(String key) {
    boolean network = key.startsWith("model.");
    boolean taught =
        key.startsWith(process.section() + ".") || key.startsWith(AlignmentRecipe.SECTION + ".");
    boolean source = AlignmentRecipe.SOURCES.contains(key);
    return !network && (!taught || source) && !key.equals("data.scaling");
  }

  @Override
  public List<String> checkStart() throws IOException {
    return InitialWeights.of(this).check();
  }

  private GeneratorSections sections() {
    return new GeneratorSections(
        model, data, process, alignment, optimizer, run, samples, distance);
  }

  private static RecipeNode.Section tree(GeneratorSections sections) {
    return (RecipeNode.Section) RecipeNode.of(sections.toMap(), new Origin("recipe", 0));
  }
}
