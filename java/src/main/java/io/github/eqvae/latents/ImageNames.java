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
 * Names of images in files of latents. Such files may come from elsewhere, so names are checked:
 * one per image, each a relative path that does not leave its folder.
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

  /** Escapes lone surrogates, which stand for a name's bytes that are not UTF-8. */
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
          file
              + ": 'names' in its metadata is not a JSON list of strings: "
              + e.getOriginalMessage(),
          e);
    }
    throw new IOException(file + ": 'names' in its metadata is not a JSON list of strings");
  }

  /**
   * Checks names.
   *
   * @param file the file with the names, for messages
   * @param names one per image, or none
   * @param images number of images
   * @throws IOException when the counts differ, or a name leaves the folder
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
            "%s: '%s' is not the name of a file in a folder; change it in the list of names"
                .formatted(file, name == null ? "null" : FileNames.shown(name)));
      }
    }
  }
}
