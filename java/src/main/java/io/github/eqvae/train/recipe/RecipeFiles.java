package io.github.eqvae.train.recipe;

import io.github.eqvae.Invocation;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reads recipe files with those that they extend.
 *
 * <p>{@code extends: other.yaml} at the top of a recipe takes all values from another one, which
 * may extend a third. The other one is a file beside it, or one of {@link ShippedRecipes}. Sections
 * are merged key by key; a value or a list replaces that of the other recipe. Error texts name the
 * file in which a value was written.
 */
final class RecipeFiles {
  /** The key that names the other recipe. */
  static final String EXTENDS = "extends";

  /** Longer chains are refused; nobody writes them by hand. */
  private static final int MAX_CHAIN = 16;

  private RecipeFiles() {}

  /**
   * Reads a recipe.
   *
   * @param file the YAML file
   * @return the tree of all files together
   * @throws RecipeException if a file cannot be read, is no recipe, or extends itself
   */
  static RecipeNode.Section read(Path file) {
    return read(file, file.toString(), new ArrayList<>());
  }

  private static RecipeNode.Section read(Path file, String named, List<Path> chain) {
    if (Files.isDirectory(file)) {
      throw new RecipeException(named, "a folder, not a recipe; name a file in it" + recipes(file));
    }
    RecipeNode.Section own = RecipeYaml.parse(text(file, named), file.toString());
    RecipeNode base = own.entries().remove(EXTENDS);
    if (base == null) {
      return own;
    }
    chain.add(file.toAbsolutePath().normalize());
    String where = base.origin() + ": " + EXTENDS;
    Path other = other(base, where, file);
    if (chain.contains(other.toAbsolutePath().normalize())) {
      throw new RecipeException(
          where,
          "a circle: "
              + Stream.concat(chain.stream(), Stream.of(other))
                  .map(p -> String.valueOf(p.getFileName()))
                  .collect(Collectors.joining(" extends ")));
    }
    if (chain.size() >= MAX_CHAIN) {
      throw new RecipeException(where, "a chain of more than " + MAX_CHAIN + " recipes");
    }
    return join(read(other, where + ": " + other, chain), own);
  }

  private static Path other(RecipeNode base, String where, Path file) {
    String name = base instanceof RecipeNode.Scalar scalar ? scalar.text().orElse("").strip() : "";
    if (name.isEmpty()) {
      throw new RecipeException(
          where,
          "found "
              + base.describe()
              + ", expected another recipe: a file beside this one, or a name that "
              + Invocation.shown("recipes")
              + " lists");
    }
    try {
      Path other = file.resolveSibling(name);
      Optional<Path> found =
          Stream.of(other, file.resolveSibling(name + ".yaml"))
              .filter(ShippedRecipes::isFile)
              .filter(p -> !isSame(p, file)) // my demo.yaml may extend the shipped one
              .findFirst()
              .or(() -> ShippedRecipes.find(name));
      if (found.isEmpty() && isSame(file.resolveSibling(name + ".yaml"), file)) {
        return file; // refused with a reason
      }
      if (found.isEmpty() && !Files.exists(other)) {
        throw new RecipeException(
            where + ": " + other,
            "there is no such recipe. " + ShippedRecipes.choice("Name a file beside this one"));
      }
      return found.orElse(other); // itself, or a folder: both are refused with a reason
    } catch (InvalidPathException e) {
      throw new RecipeException(where, "'" + name + "' is no name of a file");
    }
  }

  private static boolean isSame(Path one, Path other) {
    return one.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
  }

  /**
   * The values of {@code own}, and those of {@code base} for keys that {@code own} does not have.
   */
  static RecipeNode.Section join(RecipeNode.Section base, RecipeNode.Section own) {
    LinkedHashMap<String, RecipeNode> entries = new LinkedHashMap<>(base.entries());
    own.entries()
        .forEach(
            (key, value) ->
                entries.merge(
                    key,
                    value,
                    (theirs, ours) ->
                        theirs instanceof RecipeNode.Section t ? join(t, ours) : ours));
    return new RecipeNode.Section(own.origin(), entries);
  }

  /** A section without keys is null in YAML, and says nothing. */
  private static RecipeNode join(RecipeNode.Section base, RecipeNode own) {
    return switch (own) {
      case RecipeNode.Section section -> join(base, section);
      case RecipeNode.Scalar scalar when scalar.text().isEmpty() -> base;
      default -> own;
    };
  }

  private static String text(Path file, String named) {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(RecipeReader.MAX_BYTES + 1);
    } catch (NoSuchFileException e) {
      throw new RecipeException(named, "there is no such recipe file");
    } catch (AccessDeniedException e) {
      throw new RecipeException(named, "may not be read; check its permissions");
    } catch (IOException e) {
      throw new RecipeException(named, "could not be read: " + e.getMessage());
    }
    if (bytes.length > RecipeReader.MAX_BYTES) {
      throw new RecipeException(
          named, "larger than " + RecipeReader.MAX_BYTES + " bytes; this is not a recipe");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new RecipeException(named, "not UTF-8 text; save the recipe as UTF-8");
    }
  }

  private static String recipes(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      String names =
          files
              .map(f -> String.valueOf(f.getFileName()))
              .filter(name -> name.matches(".*\\.ya?ml"))
              .sorted()
              .collect(Collectors.joining(", "));
      return names.isEmpty() ? "" : ": " + names;
    } catch (IOException e) {
      return "";
    }
  }
}
