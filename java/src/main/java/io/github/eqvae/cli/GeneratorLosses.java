package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.generator.GeneratorRecipe;
import io.github.eqvae.train.generator.GeneratorTask;
import io.github.eqvae.train.generator.GeneratorWorkload;
import io.github.eqvae.train.generator.LossByTime;
import io.github.eqvae.train.generator.MaskGitRecipe;
import io.github.eqvae.train.generator.TimedLosses;
import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.run.HeldOutNames;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunnableRecipe;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code evaluate} of a generator's run: its losses by time on held-out latents. */
final class GeneratorLosses {
  private static final int LATENTS = 128;
  private static final int STEPS = 50;
  private static final int PARTS = 10;

  @Option(
      names = "--times",
      paramLabel = "N",
      description =
          "For dit: respaces the diffusion to N steps for the bound (default: 50; the trained"
              + " number of steps gives the exact bound). For other kinds: measures the loss"
              + " in N equal parts of the time (default: 10).")
  private Optional<Integer> times = Optional.empty();

  @Option(
      names = "--latents",
      paramLabel = "N",
      description = "The largest number of held-out latents. Default: 128.")
  private Optional<Integer> latents = Optional.empty();

  @Option(
      names = "--likelihood",
      paramLabel = "STEPS",
      description =
          "For sit and lightningdit: also log p of the latents along the probability flow, with"
              + " this number of steps of Heun's method.")
  private Optional<Integer> likelihood = Optional.empty();

  /** Whether this is the folder of a generator's run. */
  static boolean isOf(Path run) {
    RunFolder folder = new RunFolder(run);
    if (!Files.isRegularFile(folder.recipe())) {
      return false;
    }
    RunnableRecipe<?> recipe = folder.readRecipe(List.of(), RecipeKinds.ALL);
    if (!(recipe instanceof AutoencoderRecipe || recipe instanceof GeneratorRecipe)) {
      throw new EqvaeException.Argument(
          run
              + " is the run of a "
              + recipe.kind().task()
              + ": its figures are in "
              + folder.evaluation()
              + " and report.html."
              + (recipe instanceof MaskGitRecipe ? samples(run) : ""));
    }
    return recipe instanceof GeneratorRecipe;
  }

  private static String samples(Path run) {
    return " Its samples: "
        + Invocation.command("sample", run, "--out", "samples.npz")
        + ", then "
        + Invocation.command("evaluate", "samples.npz", "--reference", "DIR");
  }

  /** Refuses the options of a generator's run if there is none. */
  void requireNone() {
    if (times.isPresent() || latents.isPresent() || likelihood.isPresent()) {
      throw new EqvaeException.Argument(
          "--times, --latents and --likelihood are for the folder of a generator's run");
    }
  }

  /** Refuses the options of an autoencoder. */
  void requireAlone(Path run, boolean other) {
    if (other) {
      throw new EqvaeException.Argument(
          run
              + " is the run of a generator, which is measured on its held-out latents: leave out"
              + " what belongs to an autoencoder."
              + samples(run));
    }
  }

  /** Measures and prints the losses. */
  int print(
      Path run,
      List<String> settings,
      Weights weights,
      JsonOption json,
      PrintWriter stdout,
      PrintWriter stderr)
      throws IOException {
    TimedLosses result = measure(run, settings, weights, new Console(stderr));
    PrintWriter text = json.text(stdout, stderr);
    text.print(result.text());
    text.flush();
    json.write(result.json(), stdout);
    return 0;
  }

  /** The newest checkpoint of a run; nothing is written into its folder. */
  private TimedLosses measure(Path run, List<String> settings, Weights weights, Console console)
      throws IOException {
    RunFolder folder = new RunFolder(run);
    GeneratorRecipe recipe = folder.readRecipe(settings, List.of(GeneratorRecipe.KIND));
    int parts = recipe.process().section().equals("diffusion") ? STEPS : PARTS;
    LossByTime losses =
        new LossByTime(latents.orElse(LATENTS), times.orElse(parts), likelihood.orElse(0));
    GeneratorWorkload workload = recipe.workload(console);
    try (TrainingRun<GeneratorTask> measured =
        new TrainingRun<>(recipe, workload, folder, console)) {
      workload.requireLatentsOf(folder);
      new HeldOutNames(folder).requireMeasured(recipe, workload.heldOutNames(), "");
      measured.trainer().resume(folder.latest(recipe, console));
      if (weights != Weights.MODEL) {
        measured.useAverage();
      }
      if (weights == Weights.EMA && !measured.isAveraged()) {
        throw new EqvaeException.Argument(
            run + " keeps no average: its run.ema_decay is null; leave out --weights ema");
      }
      return workload.losses(measured, losses);
    }
  }
}
