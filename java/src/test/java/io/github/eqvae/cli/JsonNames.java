package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.regex.Pattern;

/** The one way to write names in the JSON that eqvae writes. */
public final class JsonNames {
  /** Parts of a name are joined by dots where they are keys of a recipe. */
  private static final Pattern SNAKE = Pattern.compile("[a-z0-9]+([._][a-z0-9]+)*");

  private JsonNames() {}

  /**
   * Fails on a name that is not snake_case, at any depth.
   *
   * @param where names the file in messages
   * @param node its content
   */
  public static void assertSnakeCase(String where, JsonNode node) {
    node.properties()
        .forEach(e -> assertTrue(SNAKE.matcher(e.getKey()).matches(), where + ": " + e.getKey()));
    node.forEach(child -> assertSnakeCase(where, child));
  }
}
