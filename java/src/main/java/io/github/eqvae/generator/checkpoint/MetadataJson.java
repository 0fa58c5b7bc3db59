package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.cfg.EnumFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.eqvae.EqvaeException;

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

  static void requireKnown(String file, String key, int version, int known) {
    if (version > known) {
      throw new EqvaeException.Unsupported(
          "%s was written by a newer eqvae (%s of version %d, this eqvae reads %d); use the newer one"
              .formatted(file, key, version, known));
    }
  }

  static EqvaeException.Argument nonsense(
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
