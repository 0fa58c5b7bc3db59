package io.github.eqvae.train.recipe;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The YAML tree of a recipe; every node remembers where it was written, for the error texts. */
public sealed interface RecipeNode {

  /**
   * Where this node was written.
   *
   * @return source and line
   */
  Origin origin();

  /**
   * What the node is, in the words of an error text.
   *
   * @return such as {@code a list of 3}
   */
  String describe();

  /**
   * Where something was written.
   *
   * @param source a file name or an override
   * @param line counted from 1; 0 where lines mean nothing
   */
  record Origin(String source, int line) {
    @Override
    public String toString() {
      return line > 0 ? source + ":" + line : source;
    }
  }

  /**
   * A scalar as written. Its type is decided by the field that reads it.
   *
   * @param origin where it was written
   * @param text empty for YAML null
   */
  record Scalar(Origin origin, Optional<String> text) implements RecipeNode {
    @Override
    public String describe() {
      return text.map(t -> "'" + abbreviate(t) + "'").orElse("null");
    }
  }

  /**
   * A list.
   *
   * @param origin where it was written
   * @param values its elements
   */
  record Items(Origin origin, List<RecipeNode> values) implements RecipeNode {
    @Override
    public String describe() {
      return "a list of " + values.size();
    }
  }

  /**
   * A mapping; mutable because overrides are set into it.
   *
   * @param origin where it was written
   * @param entries in file order
   */
  record Section(Origin origin, LinkedHashMap<String, RecipeNode> entries) implements RecipeNode {
    @Override
    public String describe() {
      return "a section";
    }

    /**
     * Lets lists be written as their only element: {@code width: 768}. Null is an empty list.
     *
     * @param keys of the lists
     */
    public void listed(String... keys) {
      for (String key : keys) {
        entries.computeIfPresent(
            key,
            (_, found) ->
                found instanceof Scalar one
                    ? new Items(one.origin(), one.text().isPresent() ? List.of(one) : List.of())
                    : found);
      }
    }
  }

  /**
   * Builds a tree from maps, lists and scalars.
   *
   * @param value a map, a list, an optional or a scalar
   * @param origin what error texts say of all of it
   * @return the tree
   */
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
