package io.github.eqvae.cli;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.Datasets;
import io.github.eqvae.train.autoencoder.InitialWeights;
import io.github.eqvae.train.recipe.ShippedRecipes;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae train}: trains what a recipe describes. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    description = {
      "Trains what a recipe describes.",
      "Everything of a run goes into one folder: recipe, checkpoints, metrics.jsonl, TensorBoard"
          + " events and sample images; at the end report.html and model.safetensors. Training is"
          + " deterministic; Ctrl-C saves and exits with 130."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae train photos --set data.path=photos",
      "  eqvae train photos --set data.path=photos --dry-run",
      "  eqvae train photos --set data.path=photos --overfit-batch",
      "  eqvae train --resume runs/photos"
    })
final class TrainCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "RECIPE",
      completionCandidates = CompletionCommand.Recipes.class,
      description = "A YAML file, or a name that `eqvae recipes` lists. Not needed with --resume.")
  private Optional<Path> recipeFile = Optional.empty();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      completionCandidates = CompletionCommand.Settings.class,
      description = "Overrides a setting, as often as you like: --set run.steps=100.")
  private List<String> settings = new ArrayList<>();

  @Option(names = "--out", paramLabel = "DIR", description = "Run folder. Default: runs/<recipe>.")
  private Optional<Path> out = Optional.empty();

  @Option(
      names = "--resume",
      paramLabel = "DIR",
      description =
          "Goes on with the run in this folder from its newest whole checkpoint. Its recipe.yaml"
              + " takes on what --set changes.")
  private Optional<Path> resume = Optional.empty();

  @Option(names = "--seed", paramLabel = "N", description = "Short for --set run.seed=N.")
  private Optional<Long> seed = Optional.empty();

  @Mixin private DeviceOption device = new DeviceOption();

  @Option(names = "--steps", paramLabel = "N", description = "Short for --set run.steps=N.")
  private Optional<Long> steps = Optional.empty();

  @Option(
      names = "--overfit-batch",
      description = "Trains on the first batch only: the loss must fall, or something is wrong.")
  private boolean overfitBatch;

  @Option(
      names = "--dry-run",
      description =
          "Prints the complete recipe and the memory plan, looks at the data, trains nothing.")
  private boolean dryRun;

  @Option(
      names = "--deterministic",
      description = "Accepted for other trainers' scripts; training is always deterministic.")
  private boolean deterministic;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    AutoencoderRecipe recipe = recipe();
    recipe.warnings().forEach(w -> stderr.println("eqvae: note: " + w));
    if (recipe.objective().perceptualWeight() == 0) {
      stderr.println(
          "eqvae: note: objective.perceptual_weight is 0: training goes without LPIPS"
              + " (docs/lpips.md says how to add it)");
    }
    stderr.flush();
    RunFolder folder = folder();
    boolean used = resume.isEmpty() && folder.isUsed();
    if (dryRun) {
      ThreadCount.check(recipe.run(), Runtime.getRuntime().availableProcessors())
          .ifPresent(note -> stderr.println("eqvae: note: " + note));
      if (used) {
        stderr.println("eqvae: note: " + folder.isTaken().getMessage());
        stderr.flush();
      }
      if (resume.isEmpty()) {
        sayInitialWeights(recipe);
      } else if (folder.hasCheckpoints()) {
        folder.requireSteps(recipe, folder.latest(recipe, stderr).step());
      }
      stdout.println(recipe.toYaml());
      stdout.print(MemoryPlan.of(recipe).text());
      stdout.flush();
      Datasets data =
          new Datasets(
              recipe,
              (name, cause) ->
                  stderr.println("eqvae: broken image " + FileNames.shown(name) + ": " + cause));
      stdout.println(Session.describe(data));
      stdout.flush();
      return 0;
    }
    if (used) {
      throw folder.isTaken();
    }
    if (resume.isEmpty()) {
      sayInitialWeights(recipe);
    }
    try (Session session = new Session(recipe, folder, overfitBatch, stderr)) {
      if (session.train(resume.isPresent()) == Trainer.End.STOPPED) {
        return Main.STOPPED;
      }
      stdout.println(session.finish());
      stdout.flush();
      return 0;
    }
  }

  /** Says which weights of {@code model.init_from} are taken, if it holds two sets of them. */
  private void sayInitialWeights(AutoencoderRecipe recipe) throws IOException {
    WeightsOption.say(
        spec.commandLine().getErr(),
        recipe.model().initFrom().orElse(Path.of("model.init_from")),
        InitialWeights.check(recipe)
            .map(note -> note.replace("--weights ", "model.init_weights=")));
  }

  private AutoencoderRecipe recipe() {
    List<String> overrides = new ArrayList<>(settings);
    seed.ifPresent(s -> overrides.add("run.seed=" + s));
    device.addTo(overrides);
    steps.ifPresent(s -> overrides.add("run.steps=" + s));
    if (resume.isPresent()) {
      if (recipeFile.isPresent() || out.isPresent()) {
        throw new ParameterException(
            spec.commandLine(),
            "--resume goes on with the recipe and in the folder of the run: leave out "
                + (recipeFile.isPresent() ? "RECIPE" : "--out")
                + ", and change settings with --set.");
      }
      return new RunFolder(resume.get()).resumedRecipe(overrides);
    }
    Path file =
        recipeFile.orElseThrow(
            () ->
                new ParameterException(
                    spec.commandLine(),
                    "Name a recipe, such as photos (`eqvae recipes` lists them), or a run to"
                        + " --resume."));
    return AutoencoderRecipe.read(ShippedRecipes.resolve(file), overrides);
  }

  private RunFolder folder() {
    Path path =
        resume
            .or(() -> out)
            .orElseGet(
                () ->
                    Path.of(
                        "runs",
                        ShippedRecipes.name(
                            String.valueOf(recipeFile.orElseThrow().getFileName()))));
    return new RunFolder(path);
  }
}
