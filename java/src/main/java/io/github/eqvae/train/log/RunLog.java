package io.github.eqvae.train.log;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.WriteFailure;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The metrics of a run as JSON lines: {@code {"event": "step", "step": 12, "total": …}}. Each line
 * is written whole and flushed. A resumed run first removes an incomplete last line and everything
 * after the step that it resumes from, so the file looks as if the run had never stopped.
 */
public final class RunLog implements Closeable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final BufferedWriter out;

  /**
   * Opens a log for appending.
   *
   * @param file the file; made if it does not exist
   * @param resumeStep steps done before; later lines are dropped
   * @throws IOException when the file cannot be read or written
   */
  public RunLog(Path file, long resumeStep) throws IOException {
    this.file = file;
    Files.createDirectories(file.toAbsolutePath().getParent());
    if (Files.exists(file)) {
      StringBuilder kept = new StringBuilder();
      for (Map<String, Object> line : read(file)) {
        if (!(line.get("step") instanceof Number n) || n.longValue() <= resumeStep) {
          kept.append(JSON.writeValueAsString(line)).append('\n');
        }
      }
      Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
      Files.writeString(temporary, kept, StandardCharsets.UTF_8);
      Files.move(
          temporary,
          file,
          java.nio.file.StandardCopyOption.ATOMIC_MOVE,
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }
    out =
        Files.newBufferedWriter(
            file,
            StandardCharsets.UTF_8,
            java.nio.file.StandardOpenOption.CREATE,
            java.nio.file.StandardOpenOption.APPEND);
  }

  /**
   * Reads a log.
   *
   * @param file the file
   * @return its lines; an incomplete last line is left out
   * @throws IOException when it cannot be read or a line before the last is not JSON
   */
  public static List<Map<String, Object>> read(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file, StandardCharsets.UTF_8);
    List<Map<String, Object>> out = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      try {
        JsonNode node = JSON.readTree(lines.get(i));
        Map<String, Object> line = new LinkedHashMap<>();
        node.properties().forEach(e -> line.put(e.getKey(), value(e.getValue())));
        out.add(line);
      } catch (com.fasterxml.jackson.core.JacksonException e) {
        if (i < lines.size() - 1) {
          throw new IOException(file + ", line " + (i + 1) + " is not JSON: " + e.getMessage(), e);
        }
      }
    }
    return out;
  }

  private static Object value(JsonNode node) {
    if (node.isIntegralNumber()) {
      return node.longValue();
    }
    return node.isNumber()
        ? (Object) node.doubleValue()
        : node.isBoolean() ? node.booleanValue() : node.asText();
  }

  /**
   * Appends a line.
   *
   * @param event what happened: {@code step}, {@code validation}, {@code nonfinite} …
   * @param step steps done
   * @param values numbers, strings or booleans by name; numbers that are not finite become strings
   * @throws IOException when writing fails
   */
  public void write(String event, long step, Map<String, ?> values) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("event", event);
    line.put("step", step);
    values.forEach(
        (k, v) -> line.put(k, v instanceof Double d && !Double.isFinite(d) ? d.toString() : v));
    try {
      out.write(JSON.writeValueAsString(line));
      out.newLine();
      out.flush();
    } catch (IOException e) {
      throw WriteFailure.of(file, e);
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
