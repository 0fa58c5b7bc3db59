package io.github.eqvae.train.recipe;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * Reads the fields of one recipe section with their types, ranges and defaults.
 *
 * <p>A wrong value is reported to the {@link RecipeProblems} and replaced by the default (for a
 * required field: the low end of its range), so that reading continues and all mistakes are shown
 * at once.
 */
public final class RecipeFields {
  private final RecipeNode.Section node;
  private final String prefix;
  private final RecipeProblems problems;

  private RecipeFields(RecipeNode.Section node, String prefix, RecipeProblems problems) {
    this.node = node;
    this.prefix = prefix;
    this.problems = problems;
  }

  /**
   * The outermost fields.
   *
   * @param root the tree
   * @param problems is told what is wrong
   * @return the fields whose sections are read next
   */
  public static RecipeFields root(RecipeNode.Section root, RecipeProblems problems) {
    return new RecipeFields(root, "", problems);
  }

  /**
   * A nested section; an absent one reads as empty, so its defaults apply.
   *
   * @param key its name
   * @return its fields
   */
  public RecipeFields section(String key) {
    RecipeNode child = find(key).orElse(null);
    RecipeNode.Section empty = new RecipeNode.Section(node.origin(), new LinkedHashMap<>());
    RecipeNode.Section section =
        switch (child) {
          case null -> empty;
          case RecipeNode.Section found -> found;
          case RecipeNode.Scalar scalar when scalar.text().isEmpty() -> empty;
          case RecipeNode other -> {
            wrong(key, other, "a section with keys below it");
            yield empty;
          }
        };
    return new RecipeFields(section, prefix + key + ".", problems);
  }

  /**
   * A whole number.
   *
   * @param key its name
   * @param fallback its default
   * @param min the smallest allowed
   * @param max the largest allowed
   * @return the number
   */
  public int integer(String key, int fallback, int min, int max) {
    return (int) longInteger(key, fallback, min, max);
  }

  /**
   * A whole number of which 0 is also written {@code auto}.
   *
   * @param key its name
   * @param max the largest allowed
   * @return the number; by default 0
   */
  public int integerOrAuto(String key, int max) {
    return scalar(
        key,
        0,
        RecipeValues.integerRange(0, max) + ", or auto",
        text ->
            text.equals("auto")
                ? Optional.of(0)
                : RecipeValues.integerIn(text, 0, max).map(Long::intValue));
  }

  /**
   * A whole number that may be large.
   *
   * @param key its name
   * @param fallback its default
   * @param min the smallest allowed
   * @param max the largest allowed
   * @return the number
   */
  public long longInteger(String key, long fallback, long min, long max) {
    return scalar(
        key,
        fallback,
        RecipeValues.integerRange(min, max),
        text -> RecipeValues.integerIn(text, min, max));
  }

  /**
   * A whole number without a default.
   *
   * @param key its name
   * @param min the smallest allowed
   * @param max the largest allowed
   * @param purpose what it is for, for the message when it is missing
   * @return the number
   */
  public long requiredInteger(String key, long min, long max, String purpose) {
    if (find(key).isEmpty()) {
      missing(key, RecipeValues.integerRange(min, max), purpose);
      return min;
    }
    return longInteger(key, min, min, max);
  }

  /**
   * A number.
   *
   * @param key its name
   * @param fallback its default
   * @param range where it may be
   * @return the number
   */
  public double number(String key, double fallback, Range range) {
    return scalar(key, fallback, "a number " + range, text -> RecipeValues.numberIn(text, range));
  }

  /**
   * A number without a default.
   *
   * @param key its name
   * @param range where it may be
   * @param placeholder stands for a missing number, so that reading continues
   * @param purpose what it is for, for the message when it is missing
   * @return the number
   */
  public double requiredNumber(String key, Range range, double placeholder, String purpose) {
    if (find(key).isEmpty()) {
      missing(key, "a number " + range, purpose);
      return placeholder;
    }
    return number(key, placeholder, range);
  }

  /**
   * A number that may be switched off with {@code none} or null, which is its default.
   *
   * @param key its name
   * @param range where it may be
   * @return the number; empty if it is off
   */
  public Optional<Double> optionalNumber(String key, Range range) {
    return scalarOrNull(
        key,
        "a number " + range + ", or none",
        text ->
            text.equals("none")
                ? Optional.of(Optional.<Double>empty())
                : RecipeValues.numberIn(text, range).map(Optional::of));
  }

  /**
   * {@code true} or {@code false}.
   *
   * @param key its name
   * @param fallback its default
   * @return the flag
   */
  public boolean flag(String key, boolean fallback) {
    return scalar(
        key,
        fallback,
        "true or false",
        text ->
            switch (text) {
              case "true", "True", "TRUE" -> Optional.of(true); // all that YAML 1.2 has
              case "false", "False", "FALSE" -> Optional.of(false);
              default -> Optional.empty();
            });
  }

  /**
   * One of the constants of an enum, written in lower case.
   *
   * @param key its name
   * @param fallback its default
   * @param <E> the enum
   * @return the choice
   */
  public <E extends Enum<E>> E choice(String key, E fallback) {
    E[] constants = fallback.getDeclaringClass().getEnumConstants();
    List<String> names = Arrays.stream(constants).map(RecipeFields::name).toList();
    Optional<RecipeNode> found = find(key);
    if (found.isPresent()
        && found.get() instanceof RecipeNode.Scalar scalar
        && scalar.text().isPresent()) {
      String text = scalar.text().get();
      int index = names.indexOf(text);
      if (index >= 0) {
        return constants[index];
      }
      String nearest = RecipeProblems.nearest(text, names);
      wrong(key, scalar, RecipeValues.oneOf(names) + "; did you mean '" + nearest + "'?");
      return fallback;
    }
    found.ifPresent(other -> wrong(key, other, RecipeValues.oneOf(names)));
    return fallback;
  }

  /**
   * A text.
   *
   * @param key its name
   * @param fallback its default
   * @param expected what is allowed, for the message
   * @param valid whether a text is allowed
   * @return the text
   */
  public String text(
      String key, String fallback, String expected, Function<String, Boolean> valid) {
    return scalar(key, fallback, expected, text -> Optional.of(text).filter(t -> valid.apply(t)));
  }

  /**
   * A path without a default.
   *
   * @param key its name
   * @param purpose what it is for, for the message when it is missing
   * @return the path
   */
  public Path requiredPath(String key, String purpose) {
    if (find(key).isEmpty()) {
      missing(key, "a path", purpose);
      return Path.of(".");
    }
    return RecipeValues.beside(
        source(key), scalar(key, Path.of("."), "a path", RecipeValues::path));
  }

  /**
   * A path; none by default.
   *
   * @param key its name
   * @return the path, if one is named
   */
  public Optional<Path> optionalPath(String key) {
    return scalarOrNull(key, "a path, or null", text -> RecipeValues.path(text).map(Optional::of))
        .map(path -> RecipeValues.beside(source(key), path));
  }

  /**
   * A list of paths; empty by default.
   *
   * @param key its name
   * @param maxCount how many there may be
   * @return the paths
   */
  public List<Path> paths(String key, int maxCount) {
    return list(key, List.<Path>of(), maxCount, "a path", RecipeValues::path).stream()
        .map(path -> RecipeValues.beside(source(key), path))
        .toList();
  }

  /**
   * A list of whole numbers.
   *
   * @param key its name
   * @param fallback its default
   * @param min the smallest allowed
   * @param max the largest allowed
   * @param maxCount how many there may be
   * @return the numbers
   */
  public List<Integer> integers(
      String key, List<Integer> fallback, int min, int max, int maxCount) {
    return list(
        key,
        fallback,
        maxCount,
        RecipeValues.integerRange(min, max),
        text -> RecipeValues.integerIn(text, min, max).map(Math::toIntExact));
  }

  /**
   * A list of numbers.
   *
   * @param key its name
   * @param fallback its default
   * @param range where each may be
   * @param maxCount how many there may be
   * @return the numbers
   */
  public List<Double> numbers(String key, List<Double> fallback, Range range, int maxCount) {
    return list(
        key, fallback, maxCount, "a number " + range, text -> RecipeValues.numberIn(text, range));
  }

  /**
   * The YAML spelling of an enum constant.
   *
   * @param constant the constant
   * @return its name in lower case
   */
  public static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  private <T> T scalar(
      String key, T fallback, String expected, Function<String, Optional<T>> parse) {
    Optional<RecipeNode> found = find(key);
    if (found.isPresent()) {
      if (found.get() instanceof RecipeNode.Scalar scalar) {
        Optional<T> value = scalar.text().flatMap(parse);
        if (value.isPresent()) {
          return value.get();
        }
      }
      wrong(key, found.get(), expected);
    }
    return fallback;
  }

  private <T> Optional<T> scalarOrNull(
      String key, String expected, Function<String, Optional<Optional<T>>> parse) {
    if (find(key).orElse(null) instanceof RecipeNode.Scalar scalar && scalar.text().isEmpty()) {
      return Optional.empty();
    }
    return scalar(key, Optional.empty(), expected, parse);
  }

  private <T> List<T> list(
      String key,
      List<T> fallback,
      int maxCount,
      String expected,
      Function<String, Optional<T>> parse) {
    Optional<RecipeNode> found = find(key);
    if (found.isEmpty()) {
      return fallback;
    }
    if (!(found.get() instanceof RecipeNode.Items items) || items.values().size() > maxCount) {
      wrong(key, found.get(), "a list [...] of at most " + maxCount + ", each " + expected);
      return fallback;
    }
    List<T> values = new ArrayList<>();
    for (RecipeNode item : items.values()) {
      Optional<T> value =
          item instanceof RecipeNode.Scalar scalar
              ? scalar.text().flatMap(parse)
              : Optional.empty();
      if (value.isEmpty()) {
        wrong(key, item, "each element " + expected);
        return fallback;
      }
      values.add(value.get());
    }
    return List.copyOf(values);
  }

  private Optional<RecipeNode> find(String key) {
    problems.know(prefix + key);
    return Optional.ofNullable(node.entries().get(key));
  }

  private void wrong(String key, RecipeNode found, String expected) {
    problems.add(
        found.origin(), prefix + key, "found " + found.describe() + ", expected " + expected);
  }

  private void missing(String key, String expected, String purpose) {
    problems.add(
        prefix + key,
        "missing; expected " + expected + ", " + purpose + ". Add it: it has no default");
  }

  private String source(String key) {
    return find(key).map(node -> node.origin().source()).orElse("");
  }
}
