package io.github.eqvae.train.recipe;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Values of recipes as they are written, and what is said of those that are wrong. */
final class RecipeValues {
  private RecipeValues() {}

  static String oneOf(List<String> names) {
    return names.size() == 1 ? names.getFirst() : "one of " + String.join(", ", names);
  }

  static String integerRange(long min, long max) {
    return max >= Integer.MAX_VALUE
        ? "a whole number >= " + min
        : "a whole number in [" + min + ", " + max + "]";
  }

  static Optional<Long> integerIn(String text, long min, long max) {
    try {
      long value = Long.parseLong(text);
      return value >= min && value <= max ? Optional.of(value) : Optional.empty();
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  static Optional<Double> numberIn(String text, Range range) {
    try {
      // Double.parseDouble also takes "1f" and hexadecimal: those are slips, not numbers of a
      // recipe.
      double value = Double.parseDouble(text);
      boolean decimal = text.matches("[-+.0-9eE]+");
      return decimal && range.contains(value) ? Optional.of(value) : Optional.empty();
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  static Optional<Path> path(String text) {
    try {
      if (text.isBlank()) {
        return Optional.empty();
      }
      // Shells leave the tilde of key=~/dir alone; they mean HOME, not the password database.
      boolean home = text.startsWith("~/");
      return Optional.of(Path.of(home ? home() + text.substring(1) : text));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  /**
   * Paths are those of the working directory, as everywhere. What is not there, and was written in
   * a recipe, may lie beside it or beside its folder: so the recipes that come with their data work
   * from anywhere.
   */
  static Path beside(String source, Path path) {
    if (path.isAbsolute() || Files.exists(path) || !source.matches(".*\\.ya?ml")) {
      return path;
    }
    Path folder = Path.of(source).toAbsolutePath().getParent();
    for (int i = 0; i < 2 && folder != null; i++) {
      if (Files.exists(folder.resolve(path))) {
        return folder.resolve(path).normalize();
      }
      folder = folder.getParent();
    }
    return path;
  }

  private static String home() {
    String home = System.getenv("HOME");
    return home == null || home.isEmpty() ? System.getProperty("user.home") : home;
  }

  /** Whole numbers without a fraction. */
  static String shortText(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e9
        ? Long.toString((long) value)
        : Double.toString(value);
  }
}
