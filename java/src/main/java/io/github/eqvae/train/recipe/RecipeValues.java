package io.github.eqvae.train.recipe;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Parses the values of recipes, and describes which values are allowed. */
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
      long value = Long.parseLong(text); // which also takes the digits of other scripts
      return text.matches("[-+0-9]+") && value >= min && value <= max
          ? Optional.of(value)
          : Optional.empty();
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  static Optional<Double> numberIn(String text, Range range) {
    try {
      // Double.parseDouble also takes "1f" and hexadecimal: in a recipe those are typing errors.
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
      // Shells do not expand the tilde of key=~/dir. As in a shell it stands for HOME.
      boolean home = text.startsWith("~/");
      return Optional.of(Path.of(home ? home() + text.substring(1) : text));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  /**
   * Paths are relative to the working directory. A path in a recipe that does not exist there is
   * also looked for beside the recipe and beside its folder, so that recipes that come with their
   * data work in any working directory. Last, those of a run's recipe are looked for where the run
   * was started, so that a run can be moved.
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
    return StartedIn.of(Path.of(source))
        .map(started -> started.resolve(path))
        .filter(Files::exists)
        .orElse(path);
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
