package io.github.eqvae.train.recipe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The recipes that come with eqvae, each found by its name from anywhere. They are in {@code
 * recipes/} of the folder that the system property {@code eqvae.root} names; the launcher sets it.
 */
public final class ShippedRecipes {
  private static final String ENDING = ".yaml";

  private ShippedRecipes() {}

  /**
   * Their folder.
   *
   * @return the folder; it may be missing where eqvae is a library
   */
  public static Path folder() {
    return Path.of(System.getProperty("eqvae.root", ".")).resolve("recipes");
  }

  /**
   * All of them.
   *
   * @return their names, sorted; empty if there is no such folder
   */
  public static List<String> names() {
    try (Stream<Path> files = Files.list(folder())) {
      return files
          .map(f -> String.valueOf(f.getFileName()))
          .filter(name -> name.endsWith(ENDING))
          .map(ShippedRecipes::name)
          .sorted()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /**
   * Finds one.
   *
   * @param name with or without {@code .yaml}
   * @return its file; empty if none is called so
   */
  public static Optional<Path> find(String name) {
    String plain = name(name);
    return names().contains(plain)
        ? Optional.of(folder().resolve(plain + ENDING))
        : Optional.empty();
  }

  /**
   * What a recipe is for.
   *
   * @param name its name
   * @return the first sentence of the comment that it begins with
   */
  public static String summary(String name) {
    try (Stream<String> lines = Files.lines(folder().resolve(name + ENDING))) {
      String comment =
          lines
              .takeWhile(line -> line.startsWith("#"))
              .map(line -> line.substring(1).strip())
              .collect(Collectors.joining(" "));
      return comment.replaceFirst("\\. .*|\\.$", "");
    } catch (IOException e) {
      return "";
    }
  }

  /**
   * A recipe that the user names: a file, or one of these. A folder of that name is passed over:
   * {@code photos} often lies beside the recipe that reads it.
   *
   * @param named what the user wrote
   * @return the file to read; a folder if nothing else is called so, which the reader refuses
   * @throws RecipeException if there is nothing of that name; the message lists what there is
   */
  public static Path resolve(Path named) {
    if (isFile(named)) {
      return named;
    }
    boolean plain = named.getNameCount() == 1 && !named.isAbsolute();
    Optional<Path> shipped = plain ? find(named.toString()) : Optional.empty();
    if (shipped.isEmpty() && !Files.isDirectory(named)) {
      throw new RecipeException(
          named.toString(), "there is no such recipe. " + choice("Name a YAML file"));
    }
    return shipped.orElse(named);
  }

  /** Whether there is something to read, which may be a pipe. */
  static boolean isFile(Path path) {
    return Files.exists(path) && !Files.isDirectory(path);
  }

  /** A sentence that suggests a file, or one of these recipes if there are any. */
  static String choice(String file) {
    return names().isEmpty()
        ? file + "."
        : file + ", or one of " + String.join(", ", names()) + ".";
  }

  /**
   * The name of a recipe's file.
   *
   * @param file its name
   * @return without the ending
   */
  public static String name(String file) {
    return file.replaceFirst("\\.ya?ml$", "");
  }
}
