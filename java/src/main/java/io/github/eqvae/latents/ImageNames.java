package io.github.eqvae.latents;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Names of images in files of latents. What others wrote is not trusted: as many names as images,
 * each a relative file name that stays in its folder.
 */
public final class ImageNames {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern LONE =
      Pattern.compile(
          "(?<![\\ud800-\\udbff])[\\udc00-\\udfff]|[\\ud800-\\udbff](?![\\udc00-\\udfff])");

  private ImageNames() {}

  /** A JSON list of names. */
  static String toJson(List<String> names) {
    try {
      return escape(JSON.writeValueAsString(names));
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Internal("names cannot be written as JSON", e);
    }
  }

  /** Bytes of a name that are no UTF-8 are lone surrogates, which JSON must escape. */
  static String escape(String json) {
    return LONE.matcher(json)
        .replaceAll(m -> String.format(Locale.ROOT, "\\\\u%04x", (int) m.group().charAt(0)));
  }

  /** The names in a file's metadata. */
  static List<String> ofJson(Path file, String json) throws IOException {
    try {
      List<String> names = JSON.readValue(json, new TypeReference<>() {});
      if (names != null) {
        return names;
      }
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": 'names' in its metadata is no JSON list of texts: " + e.getOriginalMessage(),
          e);
    }
    throw new IOException(file + ": 'names' in its metadata is no JSON list of texts");
  }

  /**
   * Refuses names that are not those of the images.
   *
   * @param file where they stand
   * @param names as many as images, or none
   * @param images how many images there are
   * @throws IOException when they are not
   */
  public static void check(Path file, List<String> names, long images) throws IOException {
    if (!names.isEmpty() && names.size() != images) {
      throw new IOException(
          "%s: %d names for %d images; expected one each, or no names"
              .formatted(file, names.size(), images));
    }
    for (String name : names) {
      if (name == null || !FileNames.isInside(name)) {
        throw new IOException(
            "%s: the name '%s' is none that a file in a folder can have; rename it in the list"
                .formatted(file, name == null ? "null" : FileNames.shown(name)));
      }
    }
  }
}
