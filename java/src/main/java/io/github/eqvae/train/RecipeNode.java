package io.github.eqvae.train;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The YAML tree of a recipe; every node remembers where it was written, for the error texts. */
sealed interface RecipeNode {

  /** Where this node was written. */
  Origin origin();

  /** What the node is, in the words of an error text. */
  String describe();

  /** A source (file name or override) and a line, 1-based; line 0 when lines mean nothing there. */
  record Origin(String source, int line) {
    @Override
    public String toString() {
      return line > 0 ? source + ":" + line : source;
    }
  }

  /** A scalar as written; empty for YAML null. Types are decided by the field that reads it. */
  record Scalar(Origin origin, Optional<String> text) implements RecipeNode {
    @Override
    public String describe() {
      return text.map(t -> "'" + abbreviate(t) + "'").orElse("null");
    }
  }

  /** A list. */
  record Items(Origin origin, List<RecipeNode> values) implements RecipeNode {
    @Override
    public String describe() {
      return "a list of " + values.size();
    }
  }

  /** A mapping, in file order; mutable because overrides are set into it. */
  record Section(Origin origin, LinkedHashMap<String, RecipeNode> entries) implements RecipeNode {
    @Override
    public String describe() {
      return "a section";
    }
  }

  /** Builds a tree from maps, lists and scalars, as {@code Recipe.toMap} gives them. */
  static RecipeNode of(Object value, Origin origin) {
    return switch (value) {
      case Map<?, ?> map -> {
        LinkedHashMap<String, RecipeNode> entries = new LinkedHashMap<>();
        map.forEach((key, child) -> entries.put(key.toString(), of(child, origin)));
        yield new Section(origin, entries);
      }
      case List<?> list ->
          new Items(origin, list.stream().map(child -> of(child, origin)).toList());
      case Optional<?> optional -> new Scalar(origin, optional.map(Object::toString));
      default -> new Scalar(origin, Optional.of(value.toString()));
    };
  }

  private static String abbreviate(String text) {
    return text.length() <= 60 ? text : text.substring(0, 57) + "...";
  }
}
