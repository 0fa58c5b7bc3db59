package io.github.eqvae.train.kinds;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.GeneratedPage;
import io.github.eqvae.testing.Javadoc;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * docs/reference/recipe.md: every key with its type, default, source and meaning. Types are what
 * the reader says when a value is wrong, defaults what it reads where there is none, meanings the
 * documentation of the records.
 */
class RecipeReferenceTest {
  /** What a recipe of each kind cannot be without; several, where keys exclude each other. */
  private static final Map<String, List<List<String>>> LEAST =
      Map.of(
          "autoencoder",
          List.of(
              List.of(
                  "data.path=PATH",
                  "optimizer.learning_rate=1e-4",
                  "run.steps=1000",
                  "objective.lpips_weights=PATH")),
          "classifier",
          List.of(
              List.of(
                  "data.path=PATH",
                  "optimizer.learning_rate=1e-4",
                  "run.steps=1000",
                  "model.classes=10")),
          "maskgit",
          List.of(List.of("data.path=PATH", "optimizer.learning_rate=1e-4", "run.steps=1000")),
          "generator",
          List.of(generator("dit"), generator("sit")));

  private static List<String> generator(String network) {
    return List.of(
        "data.path=PATH",
        "optimizer.learning_rate=1e-4",
        "run.steps=1000",
        "model.kind=" + network);
  }

  private static final Pattern EXPECTED = Pattern.compile("expected (.*?)(?:; did you mean.*)?$");

  /** The end of a component's documentation: where its default comes from. */
  private static final Pattern SOURCE = Pattern.compile(" Source: (.+?)\\.?$");

  private static RunnableRecipe<?> parse(RecipeKind<?> kind, List<String> overrides) {
    return RecipeReader.<RunnableRecipe<?>>parse(
        "task: " + kind.task() + "\n", "recipe", overrides, RecipeKinds.ALL);
  }

  /** What is allowed: the reader says so of a list of lists, which no key takes. */
  private static String type(RecipeKind<?> kind, List<String> least, String key) {
    List<String> overrides = new ArrayList<>(least);
    overrides.add(key + "=[[]]");
    try {
      parse(kind, overrides);
    } catch (RecipeException e) {
      for (String line : e.getMessage().lines().toList()) {
        Matcher m = EXPECTED.matcher(line);
        if (line.contains(key + ":") && m.find()) {
          return m.group(1).replaceFirst("^one of ", "").replace("each element", "list, each");
        }
      }
      throw e;
    }
    throw new AssertionError(key + " takes a list of lists");
  }

  private static boolean isRequired(RecipeKind<?> kind, List<String> least, String key) {
    List<String> overrides = new ArrayList<>(least);
    overrides.removeIf(o -> o.startsWith(key + "="));
    try {
      return !key.startsWith("task") && parse(kind, overrides) == null;
    } catch (RecipeException e) {
      return e.getMessage().contains("missing");
    }
  }

  private static String snake(String component) {
    return component.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
  }

  /** The documentation of each key of a record, sections below it included. */
  private static void collect(
      Class<?> record, String prefix, Set<String> known, Map<String, String> into)
      throws IOException {
    Map<String, String> texts = Javadoc.components(record);
    for (Field c : record.getDeclaredFields()) {
      if (Modifier.isStatic(c.getModifiers())) {
        continue;
      }
      String text = texts.getOrDefault(c.getName(), "");
      Matcher named = Pattern.compile("^`([a-z0-9_.]+)`: ").matcher(text);
      String key = prefix + snake(c.getName());
      if (named.find()) {
        String name = named.group(1).contains(".") ? named.group(1) : prefix + named.group(1);
        if (known.contains(name) || c.getType().isRecord()) { // else it is a value
          key = name;
          text = text.substring(named.end());
        }
      }
      if (c.getType().isRecord() && c.getType().getName().contains(".train.")) {
        collect(c.getType(), key + ".", known, into);
      } else if (c.getType().isInterface()
          && c.getType().isSealed()) { // one of several sections, called as its class
        for (Class<?> one : c.getType().getPermittedSubclasses()) {
          collect(one, snake(one.getSimpleName().replace("Recipe", "")) + ".", known, into);
        }
      } else {
        into.put(key, text);
      }
    }
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }

  /** A default that a record's documentation gives in numbers has those of every kind. */
  private static void requireStated(String key, String value, String meaning) {
    Matcher stated = Pattern.compile("\\bdefault (\\d.*)").matcher(meaning);
    if (stated.find()) {
      List<Double> numbers = numbers(stated.group(1));
      assertTrue(
          numbers.containsAll(numbers(value)),
          () -> key + " is " + value + ", and its documentation says default " + stated.group(1));
    }
  }

  private static List<Double> numbers(String text) {
    return Pattern.compile("\\d+(\\.\\d+)?([eE]-?\\d+)?")
        .matcher(text)
        .results()
        .map(number -> Double.valueOf(number.group()))
        .toList();
  }

  private static String section(RecipeKind<? extends RunnableRecipe<?>> kind) throws IOException {
    StringBuilder out = new StringBuilder();
    Set<String> sections = new HashSet<>(Set.of(RecipeKind.KEY));
    for (List<String> least : LEAST.get(kind.task())) {
      RunnableRecipe<?> recipe = parse(kind, least);
      Map<String, String> meanings = new LinkedHashMap<>();
      collect(recipe.getClass(), "", recipe.settings().keySet(), meanings);
      Map<String, String> settings = new LinkedHashMap<>(recipe.settings());
      settings.keySet().removeIf(key -> sections.contains(key.replaceFirst("\\..*", "")));
      out.append(rows(kind, least, settings, meanings));
      settings.keySet().forEach(key -> sections.add(key.replaceFirst("\\..*", "")));
    }
    return out.toString();
  }

  private static String rows(
      RecipeKind<?> kind,
      List<String> least,
      Map<String, String> settings,
      Map<String, String> meanings) {
    StringBuilder out = new StringBuilder();
    String section = "";
    for (Map.Entry<String, String> e : settings.entrySet()) {
      String key = e.getKey();
      String top = key.substring(0, Math.max(0, key.indexOf('.')));
      if (!top.equals(section)) {
        section = top;
        out.append("\n### `").append(top).append("`\n\n");
        out.append("| key | type | default | source | meaning |\n|---|---|---|---|---|\n");
      }
      String meaning = meanings.getOrDefault(key, "");
      assertTrue(!meaning.isEmpty(), () -> key + " is not documented in its record");
      boolean required = isRequired(kind, least, key);
      Matcher source = SOURCE.matcher(meaning);
      assertTrue(
          source.find() != required,
          () ->
              key
                  + ": end its documentation with \"Source: ...\": where the default"
                  + " comes from (a required key has none)");
      if (!required) {
        meaning = meaning.substring(0, source.start()).replaceFirst("\\.$", "");
      }
      String value = e.getValue().startsWith("Optional[") ? "none" : e.getValue();
      requireStated(key, value, meaning);
      value = value.equals("null") || value.equals("Optional.empty") ? "none" : value;
      out.append("| `").append(key).append("` | ").append(cell(type(kind, least, key)));
      out.append(" | ").append(required ? "required" : "`" + value + "`");
      out.append(" | ").append(required ? "–" : cell(source.group(1)));
      out.append(" | ").append(cell(meaning)).append(" |\n");
    }
    return out.toString();
  }

  @Test
  void thePageIsOfTheSources() throws Exception {
    StringBuilder out = new StringBuilder(HEAD);
    for (RecipeKind<? extends RunnableRecipe<?>> kind : RecipeKinds.ALL) {
      out.append("\n## `task: ").append(kind.task()).append("`\n").append(section(kind));
    }
    GeneratedPage.check("recipe.md", out.toString());
  }

  @Test
  void everyKindIsHere() {
    assertEquals(
        RecipeKinds.ALL.stream().map(RecipeKind::task).toList(),
        RecipeKinds.ALL.stream().map(RecipeKind::task).filter(LEAST::containsKey).toList());
  }

  private static final String HEAD =
      """
      # Recipes, key by key

      Made by `RecipeReferenceTest` from the sources; `-Deqvae.reference.write=true` writes it again.

      A recipe is a YAML file of sections. `--set section.key=value` changes one key; `--dry-run` \
      prints the whole recipe with all defaults.

      The column *source* says where a default comes from:

      - *paper*: the EQ-VAE paper (arXiv 2502.09509)
      - *released*: the code that its authors published, `zelaki/eqvae`; paths are below `train_eqvae`, \
      `eqvae_config.yaml` is in `configs`, `contperceptual.py` in `ldm/modules/losses`
      - *LDM*: `CompVis/latent-diffusion`; *taming*: `CompVis/taming-transformers`
      - *DiT*: `facebookresearch/DiT`; *SiT*: `willisma/SiT`; *LightningDiT*: `hustvl/LightningDiT`
      - *ours*: chosen for eqvae, with the reason where there is a particular one
      """;
}
