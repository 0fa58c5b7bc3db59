package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.CommandProcess;
import io.github.eqvae.train.autoencoder.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Runs the command line in another process, in a folder that is empty before each test. */
@Execution(ExecutionMode.CONCURRENT)
abstract class CliFixture {
  Path folder = Path.of("set before each test");
  private CommandHost host;

  record Outcome(int code, String out, String err) {}

  @BeforeEach
  final void takeHost() {
    host = CommandHost.take();
    folder = host.folder();
  }

  @AfterEach
  final void giveHostBack() throws IOException {
    host.giveBack();
  }

  final Process start(List<String> arguments, Path out, Path err) throws IOException {
    return start(List.of(), arguments, out, err);
  }

  /** The same, by a program that prepares something and then becomes what follows. */
  final Process start(List<String> by, List<String> arguments, Path out, Path err)
      throws IOException {
    List<String> command = new ArrayList<>(by);
    // Children of background jobs ignore Ctrl-C unless they are told not to.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.addAll(CommandProcess.command(List.of(), arguments));
    return begin(command, out, err);
  }

  /** Starts any command in the folder. */
  final Process begin(List<String> command, Path out, Path err) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().put("HOME", "/of-the-user");
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    return builder.start();
  }

  /** Runs a command in a process that is there already, as the user's shell would. */
  final Outcome run(String... arguments) throws Exception {
    return host.run(List.of(arguments));
  }

  /** Runs a command in a process of its own, from the start of its Java machine to its end. */
  final Outcome alone(String... arguments) throws Exception {
    return run(List.of(), arguments);
  }

  final Outcome run(List<String> by, String... arguments) throws Exception {
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    Process child = start(by, List.of(arguments), out, err);
    if (!child.waitFor(10, TimeUnit.MINUTES)) {
      child.destroyForcibly();
    }
    return new Outcome(child.waitFor(), Files.readString(out), Files.readString(err));
  }

  /** A training in folder {@code run} that gets a signal when it has logged some steps. */
  final Outcome interrupted(String signal) throws Exception {
    recipe(100_000);
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    Process child = start(List.of("train", "tiny.yaml", "--out", "run"), out, err);
    Path metrics = folder.resolve("run/metrics.jsonl");
    for (int i = 0; i < 1200 && !(Files.exists(metrics) && Files.size(metrics) > 500); i++) {
      Thread.sleep(50);
    }
    new ProcessBuilder("kill", "-" + signal, "" + child.pid()).start().waitFor();
    if (!child.waitFor(10, TimeUnit.MINUTES)) {
      child.destroyForcibly();
    }
    return new Outcome(child.waitFor(), Files.readString(out), Files.readString(err));
  }

  final Path recipe(int steps) throws IOException {
    Path file = folder.resolve("tiny.yaml");
    Files.writeString(file, TinyRun.recipe(TinyRun.images(folder), steps, 1000));
    return file;
  }

  /** Two steps on the pictures of folder {@code in}, four of which are held out. */
  final Outcome trainOnFolder() throws Exception {
    recipe(2);
    return run(
        "train",
        "tiny.yaml",
        "--out=run",
        "--set=data.kind=image_folder",
        "--set=data.path=in",
        "--set=data.validation=4",
        "--set=evaluation.images=4");
  }

  static void assertUserError(Outcome o, int code, String... parts) {
    assertEquals(code, o.code(), o.err());
    for (String part : parts) {
      assertTrue(o.err().contains(part), "missing '" + part + "' in: " + o.err());
    }
    assertFalse(o.err().contains("\tat "), "a stack trace: " + o.err());
    assertFalse(o.err().contains("Exception"), o.err());
  }
}
