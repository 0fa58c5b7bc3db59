package io.github.eqvae.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The content of a run's folder for a comparison; the run may be unfinished. Its recipe is read as
 * plain YAML, because recipes of older versions or other kinds of models have other keys.
 *
 * @param name a name that differs from those of the other runs
 * @param folder of the run
 * @param recipe its settings by key
 * @param step steps done, by its log
 * @param figures its evaluation.json; empty if there is none yet
 * @param samples the newest grid of samples; empty if there is none yet
 */
record ComparedRun(
    String name,
    RunFolder folder,
    Map<String, String> recipe,
    long step,
    Optional<JsonNode> figures,
    Optional<Path> samples) {
  private static final long MAX_RECIPE = 1 << 20;

  /** A limit for the size of the page, which contains the pictures. */
  private static final long MAX_PICTURE = 32 << 20;

  static ComparedRun read(String name, Path path) throws IOException {
    RunFolder folder = new RunFolder(path);
    Path evaluation = path.resolve("evaluation.json");
    return new ComparedRun(
        name,
        folder,
        settings(folder.recipe()),
        step(folder.metrics()),
        Files.exists(evaluation) ? Optional.of(ResultFile.read(evaluation)) : Optional.empty(),
        newest(folder.samples()));
  }

  /** Whether it trains an autoencoder; those are the recipes that need not name their kind. */
  boolean isOfAutoencoder() {
    String task = AutoencoderRecipe.KIND.task();
    return recipe.getOrDefault(RecipeKind.KEY, task).equals(task);
  }

  /** Names for the runs: the shortest ends of their paths that differ. */
  static List<String> names(List<Path> runs) {
    List<Path> paths = new ArrayList<>();
    int longest = 1;
    for (Path run : runs) {
      Path whole = run.toAbsolutePath().normalize();
      paths.add(whole);
      longest = Math.max(longest, whole.getNameCount());
    }
    for (int parts = 1; parts < longest; parts++) {
      List<String> names = new ArrayList<>();
      for (Path path : paths) {
        int n = path.getNameCount();
        names.add(n == 0 ? "/" : path.subpath(Math.max(0, n - parts), n).toString());
      }
      if (new HashSet<>(names).size() == names.size()) {
        return names;
      }
    }
    return paths.stream().map(Path::toString).toList();
  }

  private static Map<String, String> settings(Path file) throws IOException {
    if (Files.size(file) > MAX_RECIPE) {
      throw new EqvaeException.Argument(file + " is too large to be a recipe");
    }
    Map<String, String> out = new LinkedHashMap<>();
    try {
      JsonNode root = new YAMLMapper().readTree(Files.readAllBytes(file));
      flatten("", root == null ? JsonNodeFactory.instance.objectNode() : root, out);
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Argument(file + " is no YAML: " + e.getOriginalMessage());
    }
    return out;
  }

  private static void flatten(String key, JsonNode node, Map<String, String> out) {
    if (node.isObject()) {
      String prefix = key.isEmpty() ? "" : key + ".";
      node.properties().forEach(e -> flatten(prefix + e.getKey(), e.getValue(), out));
    } else {
      out.put(key, node.isValueNode() ? node.asText() : node.toString());
    }
  }

  private static long step(Path log) throws IOException {
    long step = 0;
    for (Map<String, Object> line : lines(log)) {
      step = line.get("step") instanceof Number n ? Math.max(step, n.longValue()) : step;
    }
    return step;
  }

  private static List<Map<String, Object>> lines(Path log) throws IOException {
    return Files.exists(log) ? RunLog.read(log) : List.of();
  }

  private static Optional<Path> newest(Path samples) throws IOException {
    if (!Files.isDirectory(samples)) {
      return Optional.empty();
    }
    List<Path> all;
    try (Stream<Path> files = Files.list(samples)) {
      all =
          files
              .filter(f -> f.getFileName().toString().matches("step-\\d+\\.png"))
              .sorted()
              .toList();
    }
    for (Path file : all.reversed()) {
      if (Files.size(file) <= MAX_PICTURE) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }
}
