package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.train.kinds.RecipeKinds;
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

  /**
   * Refuses a folder with a run of other settings: it would be skipped or continued as it is, and
   * the results would be those of the earlier settings.
   *
   * @param recipe a file or a name
   * @param folder the run's; nothing happens if there is none
   * @param settings values of {@code --set}, {@code key=value}
   * @throws EqvaeException.Argument when the run there has other settings
   */
  static void requireSame(String recipe, Path folder, List<String> settings) {
    RunFolder run = new RunFolder(folder);
    if (!run.isUsed()) {
      return;
    }
    RunnableRecipe<?> wanted = RecipeKinds.read(ShippedRecipes.resolve(Path.of(recipe)), settings);
    RunnableRecipe<?> there = run.<RunnableRecipe<?>>readRecipe(List.of(), RecipeKinds.ALL);
    String changes =
        SettingChange.between(there.settings(), wanted.settings()).stream()
            .filter(c -> !FREE.contains(c.key()))
            .map(c -> "\n  " + c.key() + ": there " + c.before() + ", now " + c.after())
            .collect(Collectors.joining());
    if (!changes.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + " holds a run with other settings:"
              + changes
              + "\nName another folder with --out, or give the settings with which it began.");
    }
  }

  /**
   * Starts a training, continues a stopped one, or skips a finished one.
   *
   * @param recipe a file or a name
   * @param folder the run's
   * @param settings values of {@code --set}, {@code key=value}
   * @return the exit code
   * @throws IOException when the folder cannot be read
   */
  int train(String recipe, Path folder, List<String> settings) throws IOException {
    RunFolder run = new RunFolder(folder);
    if (run.isFinished()) {
      return 0;
    }
    List<String> arguments = new ArrayList<>();
    arguments.add("train");
    if (run.hasCheckpoints()) {
      arguments.addAll(List.of("--resume", folder.toString()));
    } else {
      arguments.addAll(List.of(recipe, "--out", folder.toString()));
      settings.forEach(setting -> arguments.addAll(List.of("--set", setting)));
    }
    return run(arguments);
  }
}
