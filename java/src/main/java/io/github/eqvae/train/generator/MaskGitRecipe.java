package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.RecipeYaml;
import io.github.eqvae.train.recipe.RunRecipe;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Everything that determines the training of MaskGIT on codes. */
public final class MaskGitRecipe implements RunnableRecipe<MaskGitTask> {
  /** Recipes that begin with {@code task: maskgit}. */
  public static final RecipeKind<MaskGitRecipe> KIND =
      new RecipeKind<>("maskgit", MaskGitRecipe::new);

  /** Maskgit-pytorch's. */
  private static final List<Double> BETAS = List.of(0.9, 0.96);

  private final MaskGitNetworkRecipe model;
  private final CodesRecipe data;
  private final MaskingRecipe masking;
  private final OptimizerRecipe optimizer;
  private final RunRecipe run;
  private final MaskGitSamplesRecipe samples;
  private final DistanceRecipe distance;

  private MaskGitRecipe(RecipeNode.Section root) {
    RecipeProblems problems = new RecipeProblems(root);
    RecipeFields in = RecipeFields.root(root, problems);
    in.text(RecipeKind.KEY, KIND.task(), KIND.task(), KIND.task()::equals);
    model = MaskGitNetworkRecipe.read(in.section("model"));
    data = CodesRecipe.read(in.section("data"));
    masking = MaskingRecipe.read(in.section(MaskingRecipe.SECTION));
    optimizer = OptimizerRecipe.read(in.section("optimizer"), OptimizerRecipe.Kind.ADAMW, BETAS);
    run = RunRecipe.read(in.section("run"));
    samples = MaskGitSamplesRecipe.read(in.section("samples"));
    distance = DistanceRecipe.read(in.section("distance"), 8, 0);
    problems.addUnknownKeys();
    problems.throwIfAny();
    check(problems);
    problems.throwIfAny();
  }

  private void check(RecipeProblems problems) {
    try {
      model.config();
    } catch (EqvaeException.Argument e) {
      problems.add("model", e.getMessage());
    }
    try {
      masking.schedule().fraction(0);
    } catch (EqvaeException.Unsupported e) {
      problems.add("masking.schedule", e.getMessage());
    }
    try {
      samples.sampler().check(model.side() * model.side());
    } catch (EqvaeException.Argument e) {
      problems.add("samples", e.getMessage());
    }
    for (int label : samples.labels()) {
      if (label >= model.classes()) {
        problems.add(
            "samples.labels", label + " is no label: they are 0 to " + (model.classes() - 1));
      }
    }
    if (samples.guidance() != 0 && model.classDropout() == 0) {
      problems.add(
          "samples.guidance",
          "guidance needs a network that was also taught without labels: model.class_dropout above"
              + " 0, or samples.guidance=0");
    }
    checkDistance(problems);
    optimizer.check(problems);
    run.check(problems);
  }

  private void checkDistance(RecipeProblems problems) {
    distance.check(problems);
    if (!distance.isMeasured()) {
      return;
    }
    try {
      samples.measured(distance, model.classes()).sampler().check(model.side() * model.side());
    } catch (EqvaeException.Argument e) {
      problems.add("distance", e.getMessage());
    }
    if (distance.guidance() != 0 && model.classDropout() == 0) {
      problems.add(
          "distance.guidance",
          "guidance needs a network that was also taught without labels: model.class_dropout above"
              + " 0, or distance.guidance=0");
    }
  }

  /**
   * Reads a recipe of MaskGIT from text.
   *
   * @param yaml the text
   * @param source the name that error texts give to it
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws RecipeException if it is none
   */
  public static MaskGitRecipe parse(String yaml, String source, List<String> overrides) {
    return RecipeReader.parse(yaml, source, overrides, List.of(KIND));
  }

  /**
   * The network.
   *
   * @return its section
   */
  public MaskGitNetworkRecipe model() {
    return model;
  }

  /**
   * The codes.
   *
   * @return their section
   */
  public CodesRecipe data() {
    return data;
  }

  /**
   * The masking: hidden codes and loss.
   *
   * @return its section
   */
  public MaskingRecipe masking() {
    return masking;
  }

  /**
   * The samples that are shown during the run.
   *
   * @return its section
   */
  public MaskGitSamplesRecipe samples() {
    return samples;
  }

  /**
   * The distance of samples to real images, during the run.
   *
   * @return its section
   */
  public DistanceRecipe distance() {
    return distance;
  }

  @Override
  public OptimizerRecipe optimizer() {
    return optimizer;
  }

  @Override
  public RunRecipe run() {
    return run;
  }

  /** The metadata in a file of the network. */
  MaskGitMetadata metadata(Optional<LatentsOrigin> origin, List<String> classes) {
    return new MaskGitMetadata(model.config(), model.classDropout() > 0, origin, classes);
  }

  private Map<String, Object> map() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(RecipeKind.KEY, KIND.task());
    map.put("model", model.toMap());
    map.put("data", data.toMap());
    map.put(MaskingRecipe.SECTION, masking.toMap());
    map.put("optimizer", optimizer.toMap());
    map.put("run", run.toMap());
    map.put("samples", samples.toMap());
    map.put("distance", distance.toMap());
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
  public MaskGitTask task(Stream stream, boolean planned) {
    return new MaskGitTask(this, stream);
  }

  @Override
  public RecipeKind<MaskGitRecipe> kind() {
    return KIND;
  }

  /** Of the network only its initial weights and dropout may change. Its objective may not. */
  @Override
  public boolean mayChange(String key) {
    boolean free = key.equals("model.dropout");
    return free || !key.startsWith("model.") && !key.startsWith(MaskingRecipe.SECTION + ".");
  }

  @Override
  public List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (masking.tokens() == MaskingRecipe.Tokens.ALL && masking.labelSmoothing() == 0) {
      warnings.add(
          "masking.label_smoothing is 0 and masking.tokens all: visible codes can be copied,"
              + " and logits grow without a bound");
    }
    return warnings;
  }

  @Override
  public List<String> checkStart() throws IOException {
    return InitialWeights.of(this).check();
  }

  @Override
  public MaskGitWorkload workload(RunObserver observer) throws IOException {
    return new MaskGitWorkload(this, observer);
  }
}
