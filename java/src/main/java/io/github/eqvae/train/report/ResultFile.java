package io.github.eqvae.train.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Figures as JSON: {@code evaluation.json} and {@code result.json}. Names are snake_case. {@code
 * format} says what a file is and {@code version} how it is laid out:
 *
 * <ul>
 *   <li>1 (neither was written yet): some names in camelCase, angles as {@code 90°}, scales as
 *       {@code ×0.25};
 *   <li>2: one way to write names, angles and scales as plain numbers.
 * </ul>
 *
 * Files of earlier versions are read as if they were of the newest.
 */
public final class ResultFile {
  /** The format of {@code evaluation.json}. */
  public static final String EVALUATION = "eqvae-evaluation";

  /** The format of a demo's {@code result.json}. */
  public static final String DEMO = "eqvae-demo";

  /** The format of the figures of generated images, as {@code evaluate} writes them. */
  public static final String GENERATION = "eqvae-generation";

  private static final String OURS = "eqvae-";

  /** An index of latents, whose statistics are read as results are; its versions are others. */
  private static final String LATENTS = "eqvae-latents";

  /** The current version. */
  public static final int VERSION = 2;

  private static final long MAX_BYTES = 256L << 20;
  private static final Pattern HUMP = Pattern.compile("([a-z0-9])([A-Z])");
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private ResultFile() {}

  /**
   * A file's text.
   *
   * @param format begins with {@code eqvae-}, such as {@link #EVALUATION}
   * @param values by name; the names are snake_case
   * @return JSON
   */
  public static String text(String format, Map<String, ?> values) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("format", format);
    all.put("version", VERSION);
    all.putAll(values);
    try {
      return JSON.writeValueAsString(all) + "\n";
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Internal("a result could not be written as JSON", e);
    }
  }

  /**
   * Reads a file of this version or an earlier one.
   *
   * @param file the file
   * @return its values under the names of {@link #VERSION}
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it is no JSON object, or of a later version
   */
  public static ObjectNode read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new EqvaeException.Argument(file + " is too large to be what eqvae writes");
    }
    JsonNode root;
    try {
      root = JSON.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Argument(file + " is no JSON: " + e.getOriginalMessage());
    }
    if (!(root instanceof ObjectNode object)) {
      throw new EqvaeException.Argument(file + " is no JSON object, so no result of eqvae");
    }
    String format = object.path("format").asText("");
    boolean ours = format.isEmpty() || format.startsWith(OURS);
    if (ours && !format.equals(LATENTS) && object.path("version").asInt(1) > VERSION) {
      throw new EqvaeException.Argument(
          file
              + " is of version "
              + object.get("version")
              + ", this eqvae knows "
              + VERSION
              + ": read it with the eqvae that wrote it, or a newer one");
    }
    return renamed(object);
  }

  private static ObjectNode renamed(ObjectNode old) {
    ObjectNode out = JSON.createObjectNode();
    old.properties().forEach(e -> out.set(name(e.getKey()), value(e.getValue())));
    return out;
  }

  private static JsonNode value(JsonNode old) {
    if (old instanceof ObjectNode object) {
      return renamed(object);
    }
    if (old instanceof ArrayNode array) {
      ArrayNode out = JSON.createArrayNode();
      array.forEach(e -> out.add(value(e)));
      return out;
    }
    return old;
  }

  private static String name(String old) {
    String plain = old.replaceAll("[°×]", "");
    return HUMP.matcher(plain).replaceAll("$1_$2").toLowerCase(Locale.ROOT);
  }
}
