package io.github.eqvae.cli;

import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;

/**
 * Commands that a longer one is made of. Each is printed as one would type it, so that every part
 * can be done by hand; what is done already is passed over.
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
   * Trains, goes on with a training that was stopped, or leaves a finished one alone.
   *
   * @param recipe a file or a name
   * @param folder the run's
   * @param settings what {@code --set} changes, {@code key=value}
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
