package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.run.FollowerRun;
import io.github.eqvae.train.run.FreeFolder;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import io.github.eqvae.train.run.TrainingRun;
import io.github.eqvae.train.run.Workload;
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
          "Resumes the run in this folder from its newest whole checkpoint. What --set changes is"
              + " recorded in its recipe.yaml.")
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
    Console console = new Console(stderr);
    RunFolder folder = folder();
    try (RankedRun ranked = RankedRun.connect(System.getenv())) {
      return ranked.run(
          () -> train(ranked, folder, console, stdout),
          "Go on with: " + Invocation.command("train", "--resume", folder.path()));
    }
  }

  private int train(RankedRun ranked, RunFolder folder, Console console, PrintWriter stdout)
      throws IOException {
    RunnableRecipe<?> recipe = recipe(ranked);
    if (!ranked.ranks().isFirst()) {
      return dryRun ? 0 : follow(recipe, folder, ranked);
    }
    recipe.notes().forEach(console::note);
    ranked.notice().ifPresent(console::note);
    Optional<EqvaeException.Argument> taken =
        resume.isEmpty() ? FreeFolder.refusal(folder) : Optional.empty();
    if (dryRun) {
      taken.ifPresent(why -> console.note(why.getMessage()));
      dryRun(recipe, folder, console, stdout);
      return 0;
    }
    if (taken.isPresent()) {
      throw taken.get();
    }
    if (resume.isEmpty()) {
      recipe.checkStart().forEach(console::note);
    }
    try (TrainingRun<?> run =
        TrainingRun.open(recipe, folder, console, ranked.ranks()).overfitBatch(overfitBatch)) {
      if (console.train(run, resume.isPresent()) == Trainer.End.STOPPED) {
        console.say("stopped with another rank at step " + run.trainer().step() + ", and saved");
        return Main.STOPPED;
      }
      ranked.close(); // the others are done
      stdout.println(run.finish());
      stdout.flush();
      return 0;
    }
  }

  /** A rank after the first: it has no folder and says nothing. */
  private int follow(RunnableRecipe<?> recipe, RunFolder folder, RankedRun ranked)
      throws IOException {
    try (FollowerRun<?> run = FollowerRun.open(recipe, folder, RunObserver.NONE, ranked.ranks());
        StopSignal signal = new StopSignal(run::requestStop)) {
      Trainer.End end = run.train(overfitBatch);
      signal.saved();
      return end == Trainer.End.STOPPED ? Main.STOPPED : 0;
    }
  }

  /** The recipe; ranks on one machine share its processors, unless it says how many each uses. */
  private RunnableRecipe<?> recipe(RankedRun ranked) {
    RunnableRecipe<?> recipe = recipe(List.of());
    Optional<Integer> threads = ranked.threads();
    return recipe.run().threads() == 0 && threads.isPresent()
        ? recipe(List.of("run.threads=" + threads.get()))
        : recipe;
  }

  /** Checks everything that a run would read, and writes nothing. */
  private void dryRun(
      RunnableRecipe<?> recipe, RunFolder folder, Console console, PrintWriter stdout)
      throws IOException {
    TrainingRun.checkThreads(recipe, console);
    folder.requireOutside(recipe);
    if (resume.isEmpty()) {
      recipe.checkStart().forEach(console::note);
    } else if (folder.hasCheckpoints()) {
      folder.requireSteps(recipe, folder.latest(recipe, console).step());
    } else {
      folder.requireUnfinished();
    }
    stdout.println(recipe.toYaml());
    stdout.print(MemoryPlan.of(recipe).text());
    stdout.flush();
    try (Workload<?> workload = recipe.workload(console)) {
      stdout.println(workload.describe());
    }
    stdout.flush();
  }

  private RunnableRecipe<?> recipe(List<String> more) {
    List<String> overrides = new ArrayList<>(settings);
    overrides.addAll(more);
    seed.ifPresent(s -> overrides.add("run.seed=" + s));
    device.addTo(overrides);
    steps.ifPresent(s -> overrides.add("run.steps=" + s));
    if (resume.isPresent()) {
      if (recipeFile.isPresent() || out.isPresent()) {
        throw new ParameterException(
            spec.commandLine(),
            "--resume uses the recipe and the folder of the run: leave out "
                + (recipeFile.isPresent() ? "RECIPE" : "--out")
                + ", and change settings with --set.");
      }
      return new RunFolder(resume.get()).resumedRecipe(overrides, RecipeKinds.ALL);
    }
    return RecipeKinds.read(ShippedRecipes.resolve(named()), overrides);
  }

  /** The recipe as it was named. */
  private Path named() {
    return recipeFile.orElseThrow(
        () ->
            new ParameterException(
                spec.commandLine(),
                "Name a recipe, such as photos ("
                    + Invocation.shown("recipes")
                    + " lists them), or a run to --resume."));
  }

  private RunFolder folder() {
    Path path =
        resume
            .or(() -> out)
            .orElseGet(
                () -> Path.of("runs", ShippedRecipes.name(String.valueOf(named().getFileName()))));
    return new RunFolder(path);
  }
}
