package io.github.eqvae.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Results as JSON: to a file, or as the only standard output. */
final class JsonOption {
  private static final String STANDARD_OUTPUT = "-";

  /** Each result has one of these: of models, generated images, losses by time, and samples. */
  private static final List<String> FIGURES =
      List.of("psnr", "protocol", "verdict", "by_time", "there_before");

  /** No figures are larger. */
  private static final long MOST_BYTES = 1 << 24;

  /** Of the record beside samples, with which a job continues. */
  private static final String RECORD = "complete";

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
        .filter(p -> Files.isRegularFile(p) && !isReplaceable(p))
        .ifPresent(
            p -> {
              throw OutputLock.notOurs("--json " + p, "figures");
            });
  }

  /** An empty file, or figures of eqvae: only such a file may be replaced. */
  private static boolean isReplaceable(Path file) {
    try {
      if (Files.size(file) > MOST_BYTES) {
        return false;
      }
      byte[] content = Files.readAllBytes(file);
      String text = new String(content, StandardCharsets.UTF_8).strip();
      JsonNode json =
          text.isEmpty() ? MissingNode.getInstance() : new ObjectMapper().readTree(text);
      return text.isEmpty() || FIGURES.stream().anyMatch(json::has) && !json.has(RECORD);
    } catch (JsonProcessingException e) {
      return false;
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
