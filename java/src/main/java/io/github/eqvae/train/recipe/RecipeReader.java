package io.github.eqvae.train.recipe;

import io.github.eqvae.train.recipe.RecipeNode.Origin;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Reads recipes from YAML, strictly. A file may extend another one beside it ({@code extends:
 * NAME}).
 *
 * <p>Unknown keys, duplicate keys, wrong types and values out of range are errors that name file,
 * line and key, what was found, what was expected and the nearest valid key. All of them are
 * reported at once. A recipe is untrusted input: its size is bounded before it is read, and YAML
 * anchors, aliases and tags are refused.
 */
public final class RecipeReader {
  /** Largest recipe file, in bytes. The shipped ones have some thousands. */
  public static final int MAX_BYTES = 1 << 20;

  private RecipeReader() {}

  /**
   * Reads a recipe file.
   *
   * @param file the YAML file, at most 1 MiB of UTF-8
   * @param overrides texts such as {@code objective.equivariance_probability=0.3}, applied in order
   *     on top of the file; lists are written {@code [90, 180]}, other values as they are
   * @param kinds the kinds it may be of; the first one if it has no {@code task}
   * @param <R> what all of these are
   * @return the valid recipe
   * @throws RecipeException if the file cannot be read, is too large or says something invalid
   */
  public static <R> R read(
      Path file, List<String> overrides, List<? extends RecipeKind<? extends R>> kinds) {
    return read(RecipeFiles.read(file), overrides, kinds);
  }

  /**
   * Reads a recipe from text, for example the one a checkpoint carries.
   *
   * @param yaml the text
   * @param source the name that error texts give to it
   * @param overrides as for {@link #read}
   * @param kinds the kinds it may be of; the first one if it has no {@code task}
   * @param <R> what all of these are
   * @return the valid recipe
   * @throws RecipeException if the text says something invalid
   */
  public static <R> R parse(
      String yaml,
      String source,
      List<String> overrides,
      List<? extends RecipeKind<? extends R>> kinds) {
    RecipeNode.Section root = RecipeYaml.parse(yaml, source);
    RecipeNode base = root.entries().get(RecipeFiles.EXTENDS);
    if (base != null) {
      throw new RecipeException(
          base.origin().toString(), "extends: only a recipe in a file has others beside it");
    }
    return read(root, overrides, kinds);
  }

  private static <R> R read(
      RecipeNode.Section root,
      List<String> overrides,
      List<? extends RecipeKind<? extends R>> kinds) {
    override(root, overrides);
    RecipeNode task = root.entries().get(RecipeKind.KEY);
    if (task == null) {
      return kinds.getFirst().reader().apply(root);
    }
    for (RecipeKind<? extends R> kind : kinds) {
      if (task instanceof RecipeNode.Scalar scalar
          && kind.task().equals(scalar.text().orElse(""))) {
        return kind.reader().apply(root);
      }
    }
    throw new RecipeException(
        task.origin().toString(),
        RecipeKind.KEY
            + ": found "
            + task.describe()
            + ", expected "
            + kinds.stream().map(RecipeKind::task).collect(Collectors.joining(" or ")));
  }

  /**
   * An override that sets a text, whatever is in it.
   *
   * @param key the key, such as {@code data.path}
   * @param text its value
   * @return one of the texts that {@link #read} takes
   */
  public static String set(String key, String text) {
    return key + "=" + RecipeYaml.quote(text);
  }

  /**
   * An override that sets a list of texts, whatever is in them.
   *
   * @param key the key, such as {@code distance.classifiers}
   * @param texts its values
   * @return one of the texts that {@link #read} takes
   */
  public static String set(String key, List<String> texts) {
    return key
        + "="
        + texts.stream().map(RecipeYaml::quote).collect(Collectors.joining(", ", "[", "]"));
  }

  /**
   * Sets {@code path=value} texts into the tree; whether the path exists is found out by reading.
   *
   * @param root is changed
   * @param overrides the texts
   * @throws RecipeException if one is malformed
   */
  public static void override(RecipeNode.Section root, List<String> overrides) {
    for (String override : overrides) {
      String source = "--set " + override;
      int equals = override.indexOf('=');
      String[] keys = equals < 1 ? new String[0] : override.substring(0, equals).split("\\.", -1);
      if (keys.length == 0 || List.of(keys).contains("")) {
        throw new RecipeException(
            source, "expected section.key=value, such as objective.kl_weight=1e-6");
      }
      if (keys[0].equals(RecipeFiles.EXTENDS)) {
        throw new RecipeException(
            source,
            "extends stands only in a recipe's file; write one with extends: NAME, or name the"
                + " other recipe in place of this one");
      }
      Origin origin = new Origin(source, 0);
      RecipeNode.Section section = root;
      for (int i = 0; i + 1 < keys.length; i++) {
        section = child(section, keys[i], origin);
      }
      String key = keys[keys.length - 1];
      RecipeNode value = RecipeYaml.parseValue(override.substring(equals + 1), source);
      if (section.entries().get(key) instanceof RecipeNode.Section before
          && value instanceof RecipeNode.Section changes) {
        value = RecipeFiles.join(before, changes);
      }
      section.entries().put(key, value);
    }
  }

  private static RecipeNode.Section child(RecipeNode.Section parent, String key, Origin origin) {
    RecipeNode found = parent.entries().get(key);
    RecipeNode.Section empty = new RecipeNode.Section(origin, new LinkedHashMap<>());
    return switch (found) {
      case RecipeNode.Section section -> section;
      // A section written without keys ("gan:") is null in YAML and becomes an empty one.
      case RecipeNode.Scalar scalar when scalar.text().isPresent() ->
          throw new RecipeException(
              origin.toString(), key + " is a value, not a section with keys below it");
      case RecipeNode.Items list ->
          throw new RecipeException(origin.toString(), key + " is " + list.describe());
      case null, default -> {
        parent.entries().put(key, empty);
        yield empty;
      }
    };
  }
}
