package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Figures for programs: to a file, or alone on standard output. */
final class JsonOption {
  private static final String STANDARD_OUTPUT = "-";

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Also writes the figures as JSON to this file; - is standard output, and then text for"
              + " people goes to standard error.")
  private Optional<String> file = Optional.empty();

  /** Checks before anything is computed that the file can be written. */
  void check() {
    path()
        .filter(p -> Files.isDirectory(p) || !Files.isDirectory(p.toAbsolutePath().getParent()))
        .ifPresent(
            p -> {
              throw new EqvaeException.Argument(
                  "--json "
                      + p
                      + (Files.isDirectory(p)
                          ? " is a folder; name a file"
                          : ": there is no such folder"));
            });
  }

  /** Whether they were asked for. */
  boolean isGiven() {
    return file.isPresent();
  }

  private Optional<Path> path() {
    return file.filter(name -> !name.equals(STANDARD_OUTPUT)).map(Path::of);
  }

  /** Where text for people goes. */
  PrintWriter text(PrintWriter out, PrintWriter err) {
    return file.filter(STANDARD_OUTPUT::equals).isPresent() ? err : out;
  }

  /** Writes the figures, if they were asked for. */
  void write(String json, PrintWriter out) throws IOException {
    Optional<Path> path = path();
    if (path.isPresent()) {
      AtomicFiles.write(path.get(), json);
    } else if (file.isPresent()) {
      out.print(json);
      out.flush();
    }
  }
}
