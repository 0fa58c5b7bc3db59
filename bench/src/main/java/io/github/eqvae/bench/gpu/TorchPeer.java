package io.github.eqvae.bench.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** PyTorch in a process of its own: bench/gpu/peer.py, a line of JSON each way. */
final class TorchPeer implements AutoCloseable {
  private final ObjectMapper json = new ObjectMapper();
  private final Process process;
  private final BufferedReader answers;
  private final BufferedWriter requests;
  private final JsonNode versions;

  TorchPeer(String python, Path script, String device) throws IOException {
    process =
        new ProcessBuilder(python, script.toString(), "--device", device)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    answers = process.inputReader();
    requests = process.outputWriter();
    versions = read();
  }

  /** The process is no more: another has to be started. */
  static final class Ended extends IOException {
    private static final long serialVersionUID = 1;

    Ended(IOException cause) {
      super("PyTorch's process ended; what it wrote is above", cause);
    }
  }

  private JsonNode read() throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new IOException("end of its answers");
    }
    return json.readTree(line);
  }

  private JsonNode ask(Map<String, Object> request) throws IOException {
    try {
      requests.write(json.writeValueAsString(request));
      requests.newLine();
      requests.flush();
      return read();
    } catch (IOException e) {
      throw new Ended(e);
    }
  }

  /** Versions of PyTorch, CUDA and cuDNN. */
  JsonNode versions() {
    return versions;
  }

  /** Builds and warms up; an answer with {@code error} means that it could not. */
  JsonNode prepare(Case c, String mode) throws IOException {
    Map<String, Object> parameters = new LinkedHashMap<>(c.parameters());
    parameters.put("kind", c.kind());
    return ask(Map.of("prepare", parameters, "mode", mode));
  }

  /** Milliseconds of one run, from so many. */
  double time(int count) throws IOException {
    JsonNode answer = ask(Map.of("time", count));
    if (!answer.has("ms")) { // an error of CUDA stays until the process ends
      throw new Ended(new IOException(answer.path("error").asText()));
    }
    return answer.get("ms").asDouble();
  }

  @Override
  public void close() {
    try {
      requests.write("{\"quit\": true}\n");
      requests.close();
      answers.close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) { // it is no more
      process.destroyForcibly();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
