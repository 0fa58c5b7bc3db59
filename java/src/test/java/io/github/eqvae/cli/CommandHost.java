package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.testing.CommandProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A folder and a process whose working directory it is, for tests of the command line. A test takes
 * one and gives it back empty; several hundred commands then need not start a Java machine each.
 * What a command does at the end of its process is not seen here: {@link CliFixture#alone}.
 */
final class CommandHost {
  private static final ConcurrentLinkedDeque<CommandHost> FREE = new ConcurrentLinkedDeque<>();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PATIENCE_MINUTES = 10;

  private final Path root;
  private final Path folder;
  private @Nullable Process process;
  private @Nullable Writer requests;
  private @Nullable BufferedReader answers;
  private long said; // bytes of the process's own standard error that were read

  private CommandHost() {
    try {
      root = Files.createTempDirectory("eqvae-commands").toRealPath();
      folder = Files.createDirectories(root.resolve("folder"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(this::remove));
  }

  /** A host with an empty folder. */
  static CommandHost take() {
    CommandHost host = FREE.poll();
    return host == null ? new CommandHost() : host;
  }

  /** Empties the folder and lets other tests use the host. */
  void giveBack() throws IOException {
    clear(folder);
    FREE.push(this);
  }

  Path folder() {
    return folder;
  }

  /** Runs a command in the folder. */
  CliFixture.Outcome run(List<String> arguments) throws Exception {
    if (process == null || !process.isAlive()) {
      begin();
    }
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    List<String> line = new ArrayList<>(List.of(out.toString(), err.toString()));
    line.addAll(arguments);
    requests.write(JSON.writeValueAsString(line));
    requests.write('\n');
    requests.flush();
    String answer = answer();
    String ended = answer == null ? "the process ended with " + process.waitFor() + "\n" : "";
    return new CliFixture.Outcome(
        answer == null ? process.waitFor() : Integer.parseInt(answer),
        Files.readString(out),
        Files.readString(err) + own() + ended);
  }

  /** The exit code of the command; null if the process ended. */
  private @Nullable String answer() throws InterruptedException, ExecutionException {
    BufferedReader from = answers;
    try {
      return CompletableFuture.supplyAsync(
              () -> {
                try {
                  return from.readLine();
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              },
              reading -> Thread.ofPlatform().daemon().start(reading))
          .get(PATIENCE_MINUTES, TimeUnit.MINUTES);
    } catch (TimeoutException e) {
      process.destroyForcibly();
      return null;
    }
  }

  private void begin() throws IOException {
    List<String> command = CommandProcess.command(List.of(), List.of());
    command.set(command.size() - 1, CommandServer.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().putAll(Map.of("HOME", "/of-the-user"));
    process = builder.redirectError(root.resolve("own.txt").toFile()).start();
    said = 0;
    requests = process.outputWriter(StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /** What native code or the Java machine wrote to standard error since the last command. */
  private String own() throws IOException {
    byte[] all = Files.readAllBytes(root.resolve("own.txt"));
    String text = new String(all, (int) said, all.length - (int) said, StandardCharsets.UTF_8);
    said = all.length;
    return text;
  }

  private void remove() {
    try {
      if (process != null) {
        process.destroyForcibly().waitFor();
      }
      clear(root);
      Files.delete(root);
    } catch (IOException | InterruptedException e) {
      // a temporary folder stays
    }
  }

  /** Deletes what is in a folder, whatever tests have forbidden there. */
  private static void clear(Path folder) throws IOException {
    List<Path> all = new ArrayList<>();
    try (var walk = Files.walk(folder)) {
      walk.filter(p -> !p.equals(folder)).forEach(all::add);
    }
    all.sort(Comparator.reverseOrder());
    for (Path p : all) {
      if (Files.isDirectory(p, LinkOption.NOFOLLOW_LINKS)) {
        p.toFile().setWritable(true);
      }
    }
    for (Path p : all) {
      Files.deleteIfExists(p);
    }
  }
}
