package io.github.eqvae.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The class of a sample: the text of its {@code .cls}, or a number in its {@code .json}. */
final class SampleLabel {
  /** The names that data sets give to the number of a class; the first one that is there counts. */
  static final List<String> KEYS = List.of("cls", "label", "class", "class_id");

  /** What Python's int() reads and is a class: a sign, zeros, digits with single underscores. */
  private static final Pattern LABEL =
      Pattern.compile("(?:\\+|-(?=[0_]+$))?(?:0_?(?=\\d))*+(\\d(?:_?\\d){0,8})");

  /** Larger files hold something else. */
  private static final int MOST_BYTES = 1 << 20;

  private static final JsonFactory JSON =
      JsonFactory.builder().disable(StreamReadFeature.AUTO_CLOSE_SOURCE).build();

  private SampleLabel() {}

  /**
   * Reads a text.
   *
   * @param text without spaces around it
   * @return its number; empty if it is none
   */
  static OptionalInt ofText(String text) {
    int[] plain = text.codePoints().map(SampleLabel::plainDigit).toArray();
    Matcher number = LABEL.matcher(new String(plain, 0, plain.length));
    return number.matches()
        ? OptionalInt.of(Integer.parseInt(number.group(1).replace("_", "")))
        : OptionalInt.empty();
  }

  /** A digit of any script as 0 to 9, as Python's int() takes it. */
  private static int plainDigit(int character) {
    return Character.isDigit(character) ? '0' + Character.digit(character, 10) : character;
  }

  /**
   * Reads a file.
   *
   * @param content the file
   * @return the whole number of one of {@link #KEYS} of its object; empty if there is none, or if
   *     the file is no JSON
   * @throws IOException if reading fails
   */
  static OptionalInt ofJson(InputStream content) throws IOException {
    byte[] bytes = content.readNBytes(MOST_BYTES);
    Map<String, Integer> found = new HashMap<>();
    try (JsonParser json = JSON.createParser(new ByteArrayInputStream(bytes))) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        return OptionalInt.empty();
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String key = json.currentName();
        JsonToken value = json.nextToken();
        if (KEYS.contains(key)) {
          number(json, value).ifPresent(n -> found.put(key, n));
        }
        json.skipChildren();
      }
    } catch (IOException broken) {
      return OptionalInt.empty(); // no JSON, or longer
    }
    return KEYS.stream().filter(found::containsKey).mapToInt(found::get).findFirst();
  }

  private static OptionalInt number(JsonParser json, JsonToken value) throws IOException {
    boolean isText = value == JsonToken.VALUE_STRING || value == JsonToken.VALUE_NUMBER_INT;
    return isText ? ofText(json.getText().strip()) : OptionalInt.empty();
  }
}
