package io.github.eqvae.train.recipe;

import static java.util.Map.entry;

import io.github.eqvae.train.recipe.RecipeNode.Origin;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Collects what is wrong with one recipe tree, so that the user sees all of it at once. */
public final class RecipeProblems {
  /**
   * Names that other trainers give to a setting, if they differ too much from its name here to be
   * found as typing errors.
   */
  private static final Map<String, String> ELSEWHERE =
      Map.ofEntries(
          entry("lr", "optimizer.learning_rate"),
          entry("base_learning_rate", "optimizer.learning_rate"),
          entry("wd", "optimizer.weight_decay"),
          entry("beta1", "optimizer.betas"),
          entry("beta2", "optimizer.betas"),
          entry("gradient_accumulation_steps", "optimizer.accumulate"),
          entry("accumulate_grad_batches", "optimizer.accumulate"),
          entry("max_steps", "run.steps"),
          entry("max_train_steps", "run.steps"),
          entry("image_size", "data.resolution"),
          entry("num_workers", "data.workers"),
          entry("train_data_dir", "data.path"),
          entry("pretrained_model_name_or_path", "model.init_from"),
          entry("ckpt_path", "model.init_from"),
          entry("p_eq", "objective.equivariance_probability"));

  /** Settings that belong on the command line. */
  private static final Set<String> OUTPUT_FOLDER =
      Set.of("dir", "out", "output", "output_dir", "logdir", "log_dir", "save_dir", "exp_dir");

  private final RecipeNode.Section root;
  private final Set<String> known = new LinkedHashSet<>();
  private final List<Problem> problems = new ArrayList<>();

  /**
   * No problems yet.
   *
   * @param root the tree that is read
   */
  public RecipeProblems(RecipeNode.Section root) {
    this.root = root;
  }

  private record Problem(Origin origin, String text) {}

  /**
   * Records that a key exists in the schema. A key in the recipe that is never recorded is unknown.
   */
  void know(String path) {
    known.add(path);
  }

  /**
   * Adds a problem, located at the nearest node that was written.
   *
   * @param path the key, such as {@code run.steps}
   * @param message what is wrong and what to do
   */
  public void add(String path, String message) {
    add(locate(path), path, message);
  }

  void add(Origin origin, String path, String message) {
    problems.add(new Problem(origin, origin + ": " + path + ": " + message));
  }

  /** Adds one problem per written key that no reader asked for. */
  public void addUnknownKeys() {
    addUnknownKeys(root, "");
  }

  /**
   * Throws all problems in line order, or returns when there are none.
   *
   * @throws RecipeException with everything that is wrong
   */
  public void throwIfAny() {
    if (!problems.isEmpty()) {
      // Stable: problems of the same line, and of overrides (line 0, printed last), keep their
      // order.
      List<String> texts =
          problems.stream()
              .sorted(
                  Comparator.comparingInt(
                      p -> p.origin().line() == 0 ? Integer.MAX_VALUE : p.origin().line()))
              .map(Problem::text)
              .toList();
      throw new RecipeException(texts);
    }
  }

  private void addUnknownKeys(RecipeNode.Section section, String prefix) {
    section
        .entries()
        .forEach(
            (key, child) -> {
              String path = prefix + key;
              if (key.indexOf('.') >= 0) {
                add(child.origin(), path, dotted(path));
              } else if (!known.contains(path)) {
                add(child.origin(), path, "unknown key; " + suggestion(prefix, key));
              } else if (child instanceof RecipeNode.Section inner && isSection(path)) {
                addUnknownKeys(inner, path + ".");
              }
            });
  }

  /** {@code run.steps: 3} is one key in YAML, whose value no section would have. */
  private static String dotted(String path) {
    int dot = path.lastIndexOf('.');
    return "a key has no dots: write '"
        + path.substring(dot + 1)
        + ":' below '"
        + path.substring(0, dot).replace(".", ":' below '")
        + ":' (only --set has keys with dots)";
  }

  /** A section in the place of a value was found wrong when the value was read. */
  private boolean isSection(String path) {
    return known.stream().anyMatch(key -> key.startsWith(path + "."));
  }

  private String suggestion(String prefix, String key) {
    if (OUTPUT_FOLDER.contains(key)) {
      return "the folder of a run is named by --out DIR.";
    }
    String meant = ELSEWHERE.get(key);
    if (meant != null) {
      return "it is '" + meant + "' here.";
    }
    List<String> siblings =
        known.stream()
            .filter(path -> path.startsWith(prefix) && path.indexOf('.', prefix.length()) < 0)
            .map(path -> path.substring(prefix.length()))
            .toList();
    String nearest = nearest(key, siblings);
    // The right name in the wrong section is as common as a typing error.
    List<String> elsewhere =
        known.stream().filter(path -> path.endsWith("." + key)).limit(1).toList();
    if (!elsewhere.isEmpty()) {
      return "did you mean '" + elsewhere.getFirst() + "'?";
    }
    String text = "did you mean '" + prefix + nearest + "'?";
    boolean far = distance(key, nearest) > Math.max(2, key.length() / 3);
    return far ? text + " Valid keys here: " + String.join(", ", siblings) : text;
  }

  /** The candidate with the smallest edit distance, the first of several; candidates not empty. */
  static String nearest(String word, List<String> candidates) {
    return candidates.stream()
        .min(Comparator.comparingInt(candidate -> distance(word, candidate)))
        .orElseThrow();
  }

  /** Levenshtein distance: fewest insertions, deletions and replacements of one character. */
  static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int above = row[j];
        int replace = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replace, Math.min(above, row[j - 1]) + 1);
        diagonal = above;
      }
    }
    return row[b.length()];
  }

  private Origin locate(String path) {
    RecipeNode node = root;
    for (String key : path.split("\\.")) {
      if (node instanceof RecipeNode.Section section && section.entries().containsKey(key)) {
        node = section.entries().get(key);
      } else {
        break;
      }
    }
    // For a key that is missing altogether the root's line means nothing.
    return node == root ? new Origin(root.origin().source(), 0) : node.origin();
  }
}
