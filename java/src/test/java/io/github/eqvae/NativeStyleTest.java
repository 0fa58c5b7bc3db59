package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * The native code has the style of .clang-format, but for the files that .clang-format-ignore
 * lists. Other versions of clang-format make something else of some lines, so this one is needed:
 * it is Debian 12's, and {@code ./format} takes it, too.
 */
@Execution(ExecutionMode.CONCURRENT)
class NativeStyleTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final String VERSION = "14";
  private static final Pattern CHANGED =
      Pattern.compile("(?m)^(\\S+?):\\d+:\\d+: .*\\[-Wclang-format-violations]$");

  private static List<String> sources() throws IOException {
    List<String> all = new ArrayList<>();
    for (String folder : List.of("native", "kernels")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
        files
            .filter(f -> f.toString().matches(".*\\.(c|cpp|cu|h)"))
            .forEach(f -> all.add(ROOT.relativize(f).toString()));
      }
    }
    assertTrue(all.size() > 250, all.size() + " files");
    return all;
  }

  /** What a command says, on both of its outputs; empty if it cannot be started. */
  private static Optional<String> said(List<String> command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).directory(ROOT.toFile());
    try {
      Process process = builder.redirectErrorStream(true).start();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      process.waitFor();
      return Optional.of(text);
    } catch (IOException notThere) {
      return Optional.empty();
    }
  }

  private static Optional<String> formatter() throws Exception {
    for (String name : List.of("clang-format-" + VERSION, "clang-format")) {
      if (said(List.of(name, "--version")).orElse("").contains("version " + VERSION + ".")) {
        return Optional.of(name);
      }
    }
    return Optional.empty();
  }

  @Test
  void allButTheListedFilesAreFormatted() throws Exception {
    Optional<String> formatter = formatter();
    assumeTrue(
        formatter.isPresent(),
        "the style of the native code is not checked: there is no clang-format " + VERSION);
    List<String> command = new ArrayList<>(List.of(formatter.get(), "--dry-run"));
    command.addAll(sources());
    List<String> changed =
        CHANGED
            .matcher(said(command).orElseThrow())
            .results()
            .map((MatchResult m) -> m.group(1))
            .toList();
    List<String> listed =
        Files.readAllLines(ROOT.resolve(".clang-format-ignore")).stream()
            .filter(line -> !line.startsWith("#"))
            .toList();
    assertEquals(
        String.join("\n", listed),
        String.join("\n", new TreeSet<>(changed)),
        "what clang-format would change differs from .clang-format-ignore: run ./format, or take"
            + " files that have become clean off the list");
  }
}
