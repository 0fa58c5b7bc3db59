package io.github.eqvae.model.checkpoint;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The JSON files of diffusers. */
final class Json {
  /** Larger than any configuration and any index, but harmless. */
  private static final long MAX_BYTES = 16L << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  /**
   * Reads an object.
   *
   * @throws EqvaeException.Argument if the file is not one JSON object
   */
  static JsonNode read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new EqvaeException.Argument(
          file + " has " + Files.size(file) + " bytes, expected at most " + MAX_BYTES);
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(Files.readAllBytes(file));
    } catch (JacksonException e) {
      throw new EqvaeException.Argument(
          file
              + " is not JSON, or is cut off: line "
              + e.getLocation().getLineNr()
              + ": "
              // without Jackson's advice for Java programmers
              + e.getOriginalMessage()
                  .replaceFirst(": enable `.*", "")
                  .replaceFirst(
                      "\\(\\(non-standard\\) comment\\?|maybe a \\(non-standard\\) comment\\?.*",
                      "comments are not JSON"));
    }
    if (!node.isObject()) {
      throw new EqvaeException.Argument(file + " holds no JSON object");
    }
    return node;
  }

  /**
   * Prints an object like Python's {@code json.dumps(indent=2, sort_keys=True)}, with a line end.
   */
  static String print(Map<String, Object> object) throws IOException {
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(indenter)
            .withArrayIndenter(indenter);
    return MAPPER.writer(printer).writeValueAsString(new TreeMap<>(object)) + "\n";
  }
}
