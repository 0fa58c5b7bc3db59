package io.github.eqvae.cli;

import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
    err.println("$ eqvae " + String.join(" ", arguments));
    err.flush();
    CommandLine line = new CommandLine(new Main());
    line.setOut(out);
    line.setErr(err);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          throw e;
        });
    return line.execute(arguments.toArray(String[]::new));
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
