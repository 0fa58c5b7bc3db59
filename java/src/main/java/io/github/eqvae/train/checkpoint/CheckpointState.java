package io.github.eqvae.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON part of a checkpoint. A value that would not be read back equal is refused when it is
 * written.
 */
final class CheckpointState {
  static final int MAX_BYTES = 16 << 20;

  private CheckpointState() {}

  static byte[] toBytes(Map<String, ?> state) {
    byte[] bytes;
    try {
      bytes = CheckpointManifest.JSON.writeValueAsBytes(normal("state", state));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("the state cannot be written as JSON", e);
    }
    if (bytes.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "the state takes "
              + bytes.length
              + " bytes as JSON, at most "
              + MAX_BYTES
              + " can be read back; put large data into blobs");
    }
    return bytes;
  }

  static Map<String, Object> read(Path directory) throws IOException {
    byte[] bytes = CheckpointFiles.readSmall(directory, CheckpointManifest.STATE, MAX_BYTES);
    try {
      Map<String, Object> state =
          CheckpointManifest.JSON.readValue(bytes, new TypeReference<>() {});
      return Collections.unmodifiableMap(state);
    } catch (JsonProcessingException e) {
      throw new InvalidCheckpointException(
          directory, CheckpointManifest.STATE + " is not a JSON object", e);
    }
  }

  private static Object normal(String path, Object value) {
    return switch (value) {
      case null -> throw bad(path, "null");
      case Map<?, ?> map -> {
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, child) -> copy.put(key.toString(), normal(path + "." + key, child)));
        yield copy;
      }
      case List<?> list -> {
        List<Object> copy = new ArrayList<>();
        for (Object child : list) {
          copy.add(normal(path + "[" + copy.size() + "]", child));
        }
        yield copy;
      }
      case Integer number -> number.longValue();
      case Float number -> normal(path, number.doubleValue());
      case Double number when !Double.isFinite(number) -> throw bad(path, number.toString());
      case Long _, Double _, Boolean _, String _ -> value;
      default -> throw bad(path, value.getClass().getName());
    };
  }

  private static IllegalArgumentException bad(String path, String what) {
    return new IllegalArgumentException(
        path
            + " is "
            + what
            + "; a checkpoint state holds finite numbers, texts, booleans, lists and maps");
  }
}
