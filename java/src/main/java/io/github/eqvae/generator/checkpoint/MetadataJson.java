package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.cfg.EnumFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.eqvae.EqvaeException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** JSON of the settings in generators' files. */
final class MetadataJson {
  /** A strict mapper: missing entries and wrong types are errors. */
  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private MetadataJson() {}

  /** Reads settings from their JSON. */
  interface Reader<M> {
    M read(JsonNode text) throws JsonProcessingException;
  }

  /**
   * The settings in a file's metadata.
   *
   * @param file the file's name, for messages
   * @param json the text; null if there is none
   * @param key the text's key, for messages
   * @param version the newest version that {@code reader} knows
   */
  static <M> Optional<M> read(
      String file, @Nullable String json, String key, int version, Reader<M> reader) {
    if (json == null) {
      return Optional.empty();
    }
    try {
      JsonNode text = MAPPER.readTree(json);
      requireKnown(file, key, text.path("version").asInt(), version);
      return Optional.of(reader.read(text));
    } catch (JsonProcessingException e) {
      throw nonsense(
          file, key, e.getCause() instanceof EqvaeException why ? why : e, e.getOriginalMessage());
    } catch (EqvaeException.Argument
        | IllegalArgumentException
        | NullPointerException e) { // not a JSON object; null among names
      throw nonsense(file, key, e, String.valueOf(e.getMessage()));
    }
  }

  /** An entry that may be missing. */
  static <T> Optional<T> optional(JsonNode text, String name, Class<T> type)
      throws JsonProcessingException {
    return text.has(name)
        ? Optional.of(MAPPER.treeToValue(text.get(name), type))
        : Optional.empty();
  }

  /** The names of classes. */
  static List<String> classes(JsonNode text) throws JsonProcessingException {
    return List.of(MAPPER.treeToValue(text.required("classes"), String[].class));
  }

  private static void requireKnown(String file, String key, int version, int known) {
    if (version > known) {
      throw new EqvaeException.Unsupported(
          "%s was written by a newer eqvae (%s of version %d, this eqvae reads %d); use the newer one"
              .formatted(file, key, version, known));
    }
  }

  private static EqvaeException.Argument nonsense(
      String file, String key, Exception cause, String otherwise) {
    return new EqvaeException.Argument(
        file
            + ": "
            + key
            + " is invalid: "
            + (cause instanceof EqvaeException ? cause.getMessage() : otherwise));
  }

  static void requireNames(int names, int classes) {
    if (names > 0 && names != classes) {
      throw new EqvaeException.Argument(
          "There are " + names + " names of classes, but the network has " + classes + " classes");
    }
  }
}
