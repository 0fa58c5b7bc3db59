package io.github.eqvae.train.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;
import io.github.eqvae.train.recipe.RecipeNode.Origin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * YAML text to {@link RecipeNode} and maps to YAML text.
 *
 * <p>Scalars stay text here: YAML's own guessing (1e-6 is a string in YAML 1.1, 010 is eight) must
 * not decide what a learning rate is. Anchors, aliases, tags and several documents are refused: a
 * recipe needs none of them, and each can hide what a recipe says.
 */
public final class RecipeYaml {
  private static final int MAX_DEPTH = 8;
  private static final Set<String> NULLS = Set.of("", "~", "null", "Null", "NULL");
  private static final Pattern WHOLE =
      Pattern.compile("\\[.*\\]|\\{.*\\}|'(?:[^']|'')*'|\"(?:[^\"\\\\]|\\\\.)*\"", Pattern.DOTALL);
  private static final String QUOTE =
      "; a value that begins with [ { ' or \" is YAML: quote it whole, as in 'data.path=\"[a] b\"'";

  private static final YAMLFactory FACTORY =
      YAMLFactory.builder()
          .stringQuotingChecker(new PlainWordsOnly())
          .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .disable(YAMLGenerator.Feature.SPLIT_LINES)
          .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR)
          .build();

  private final YAMLParser parser;
  private final String text;
  private final String source;
  private final boolean lines;

  private RecipeYaml(YAMLParser parser, String text, String source, boolean lines) {
    this.parser = parser;
    this.text = text;
    this.source = source;
    this.lines = lines;
  }

  /** Parses a whole recipe, whose root must be a mapping. */
  static RecipeNode.Section parse(String text, String source) {
    return switch (parse(text, source, true)) {
      case RecipeNode.Section section -> section;
      case RecipeNode.Scalar scalar when scalar.text().isEmpty() ->
          throw new RecipeException(source, "the recipe is empty; expected sections such as data:");
      case RecipeNode other ->
          throw new RecipeException(
              other.origin().toString(),
              "the recipe is "
                  + other.describe()
                  + "; expected sections such as 'model:' and 'data:'");
    };
  }

  /**
   * Parses the value of an override. A text that begins like a list, a mapping or a quotation of
   * YAML is parsed as one; {@code null} and an empty text are null. Any other text is taken
   * literally, because a path may contain {@code " #"} or {@code ": "}.
   */
  static RecipeNode parseValue(String text, String source) {
    String value = text.strip();
    if (!value.isEmpty() && "[{\"'".indexOf(value.charAt(0)) >= 0) {
      try {
        RecipeNode node = parse(value, source, false);
        if (WHOLE.matcher(value).matches()) {
          return node;
        }
      } catch (RecipeException e) {
        throw new RecipeException(List.of(e.getMessage() + QUOTE));
      }
      throw new RecipeException(source, "something follows its end" + QUOTE);
    }
    Origin origin = new Origin(source, 0);
    return new RecipeNode.Scalar(
        origin, NULLS.contains(value) ? Optional.empty() : Optional.of(value));
  }

  /**
   * A text as the value of an override, whatever is in it.
   *
   * @param text for example a path
   * @return its quotation, which {@link #parseValue} reads back
   */
  static String quote(String text) {
    try {
      return new ObjectMapper().writeValueAsString(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a text could not be quoted", e);
    }
  }

  /**
   * Writes maps, lists and scalars as YAML, which is read back to the same.
   *
   * @param values the sections by name
   * @return the text
   */
  public static String print(Map<String, Object> values) {
    try {
      return new ObjectMapper(FACTORY).writeValueAsString(unwrap(values));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a recipe could not be written as YAML", e);
    }
  }

  /** The Optional values of a recipe map become YAML null when empty. */
  private static Object unwrap(Object value) {
    return switch (value) {
      case Map<?, ?> map -> {
        Map<Object, Object> copy = new LinkedHashMap<>();
        map.forEach((key, child) -> copy.put(key, unwrap(child)));
        yield copy;
      }
      case Optional<?> optional -> optional.orElse(null);
      default -> value;
    };
  }

  private static RecipeNode parse(String text, String source, boolean lines) {
    try (YAMLParser parser = FACTORY.createParser(text)) {
      RecipeYaml reader = new RecipeYaml(parser, text, source, lines);
      if (parser.nextToken() == null) {
        return new RecipeNode.Scalar(new Origin(source, lines ? 1 : 0), Optional.empty());
      }
      RecipeNode root = reader.node(0);
      if (parser.nextToken() != null) {
        throw reader.fail("a second YAML document; expected one. Remove the '---' line");
      }
      return root;
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      throw new RecipeException(
          new Origin(source, lines ? line : 0).toString(),
          "not valid YAML: " + firstLines(e.getOriginalMessage()));
    } catch (IOException e) {
      throw new UncheckedIOException("reading YAML from memory failed", e);
    }
  }

  private RecipeNode node(int depth) throws IOException {
    Origin origin = here();
    if (depth > MAX_DEPTH) {
      throw fail("nested deeper than " + MAX_DEPTH + " levels; a recipe has at most three");
    }
    if (parser.isCurrentAlias() || parser.getObjectId() != null) {
      throw fail("YAML anchors (&name) and aliases (*name) are not read; write the value out");
    }
    if (parser.getTypeId() != null) {
      throw fail("YAML tags (!name) are not read; remove the tag");
    }
    return switch (parser.currentToken()) {
      case START_OBJECT -> section(origin, depth);
      case START_ARRAY -> {
        List<RecipeNode> values = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          values.add(node(depth + 1));
        }
        yield new RecipeNode.Items(origin, List.copyOf(values));
      }
      case VALUE_NULL -> new RecipeNode.Scalar(origin, Optional.empty());
      default ->
          new RecipeNode.Scalar(
              origin, isNothing() ? Optional.empty() : Optional.of(parser.getText()));
    };
  }

  /** Whether nothing follows the key, which is null in YAML; {@code ""} is a text. */
  private boolean isNothing() throws IOException {
    long at = parser.currentTokenLocation().getCharOffset();
    boolean isQuoted = at >= 0 && at < text.length() && "'\"".indexOf(text.charAt((int) at)) >= 0;
    return parser.getText().isEmpty() && !isQuoted;
  }

  private RecipeNode.Section section(Origin origin, int depth) throws IOException {
    LinkedHashMap<String, RecipeNode> entries = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      RecipeNode earlier = entries.get(key);
      if (earlier != null) {
        throw fail("duplicate key '" + key + "', first at " + earlier.origin() + "; keep one");
      }
      parser.nextToken();
      entries.put(key, node(depth + 1));
    }
    return new RecipeNode.Section(origin, entries);
  }

  private Origin here() {
    return new Origin(source, lines ? parser.currentTokenLocation().getLineNr() : 0);
  }

  private RecipeException fail(String message) {
    return new RecipeException(here().toString(), message);
  }

  private static String firstLines(String message) {
    return message
        .lines()
        .limit(2)
        .map(String::strip)
        .reduce((a, b) -> a + " (" + b + ")")
        .orElse("");
  }

  /** Quotes every text that is not a plain word, so that no path can turn into another type. */
  private static final class PlainWordsOnly extends StringQuotingChecker.Default {
    private static final long serialVersionUID = 1L;
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z][A-Za-z0-9_./-]*");

    @Override
    public boolean needToQuoteValue(String value) {
      return !PLAIN.matcher(value).matches() || super.needToQuoteValue(value);
    }
  }
}
