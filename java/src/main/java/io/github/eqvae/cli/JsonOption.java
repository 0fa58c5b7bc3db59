package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Results as JSON: to a file, or as the only standard output. */
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
    path()
        .filter(p -> Files.isRegularFile(p) && !isJson(p))
        .ifPresent(
            p -> {
              throw new EqvaeException.Argument(
                  "--json " + p + " exists and is not JSON; name another file");
            });
  }

  /** An empty file, or one that begins as JSON does: only such a file may be replaced. */
  private static boolean isJson(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      String start = new String(in.readNBytes(256), StandardCharsets.UTF_8).strip();
      return start.isEmpty() || start.startsWith("{") || start.startsWith("[");
    } catch (IOException e) {
      return true; // writing will say what is wrong
    }
  }

  /** Whether JSON was requested. */
  boolean isGiven() {
    return file.isPresent();
  }

  private Optional<Path> path() {
    return file.filter(name -> !name.equals(STANDARD_OUTPUT)).map(Path::of);
  }

  /** A folder beside the file, for parts of the results until all are there. */
  Optional<Path> parts() {
    return path().map(p -> p.resolveSibling(p.getFileName() + ".parts"));
  }

  /** The destination of text for people. */
  PrintWriter text(PrintWriter out, PrintWriter err) {
    return file.filter(STANDARD_OUTPUT::equals).isPresent() ? err : out;
  }

  /** Writes the results, if they were requested. */
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
