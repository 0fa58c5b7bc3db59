package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine;

/**
 * The commands that a longer command runs. Each is printed as a user would type it, so that it can
 * also be run by hand; finished ones are skipped.
 */
final class CommandChain {
  private final PrintWriter out;
  private final PrintWriter err;

  CommandChain(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  /**
   * Runs a command in this process.
   *
   * @return its exit code
   */
  int run(List<String> arguments) {
    err.println("$ " + Invocation.command(arguments.toArray()));
    err.flush();
    CommandLine line = Commands.all();
    line.setOut(out);
    line.setErr(err);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> Main.report(e, command)); // thrown on, it gets a stack trace
    return line.execute(arguments.toArray(String[]::new));
  }

  /** Settings that say where files are, or how fast something is computed. */
  private static final Set<String> FREE =
      Set.of(
          "data.path",
          "data.workers",
          "data.cache_megabytes",
          "data.cache_latents_megabytes",
          "distance.reference",
          "distance.classifiers",
          "run.device",
          "run.threads",
          "run.graphs");

  /** Settings that a longer run changes. */
  private static final Set<String> LENGTH =
      Set.of("run.steps", "run.validate_every", "run.sample_every");

  /**
   * A training of a chain.
   *
   * @param recipe a file or a name
   * @param folder the run's
   * @param settings values of {@code --set}, {@code key=value}
   * @param growing whether a run that is there may go on for more steps
   */
  record Training(String recipe, Path folder, List<String> settings, boolean growing) {
    private boolean isThere() {
      return new RunFolder(folder).isUsed();
    }

    private RunnableRecipe<?> there() {
      return new RunFolder(folder).readRecipe(List.of(), RecipeKinds.ALL);
    }

    private RunnableRecipe<?> wanted() {
      return RecipeKinds.read(ShippedRecipes.resolve(Path.of(recipe)), settings);
    }

    /** Whether this is the run that is there with more steps. Cosine's rate depends on them. */
    private boolean isLonger() {
      if (!growing || !isThere()) {
        return false;
      }
      RunnableRecipe<?> there = there();
      return there.optimizer().schedule() != OptimizerRecipe.Schedule.COSINE
          && there.run().steps() < wanted().run().steps();
    }
  }

  /**
   * Refuses a folder with a run of other settings: it would be skipped or continued as it is, and
   * the results would be those of the earlier settings.
   *
   * @param training nothing happens if its folder has no run
   * @throws EqvaeException.Argument when the run there has other settings
   */
  static void requireSame(Training training) {
    if (!training.isThere()) {
      return;
    }
    boolean longer = training.isLonger();
    String changes =
        SettingChange.between(training.there().settings(), training.wanted().settings()).stream()
            .filter(c -> !FREE.contains(c.key()) && !(longer && LENGTH.contains(c.key())))
            .map(c -> "\n  " + c.key() + ": there " + c.before() + ", now " + c.after())
            .collect(Collectors.joining());
    if (!changes.isEmpty()) {
      throw new EqvaeException.Argument(
          training.folder()
              + " holds a run with other settings:"
              + changes
              + "\nName another folder with --out, or give the settings with which it began.");
    }
  }

  /**
   * Starts a training, continues a stopped one or one that is to become longer, or skips a finished
   * one.
   *
   * @param training what is to be trained
   * @return the exit code
   * @throws IOException when the folder cannot be read
   */
  int train(Training training) throws IOException {
    RunFolder run = new RunFolder(training.folder());
    boolean longer = training.isLonger();
    if (run.isFinished() && !longer) {
      return 0;
    }
    List<String> arguments = new ArrayList<>(List.of("train"));
    if (run.hasCheckpoints()) {
      arguments.addAll(List.of("--resume", training.folder().toString()));
    } else {
      arguments.addAll(List.of(training.recipe(), "--out", training.folder().toString()));
    }
    if (!run.hasCheckpoints() || longer) {
      training.settings().forEach(setting -> arguments.addAll(List.of("--set", setting)));
    }
    return run(arguments);
  }
}
