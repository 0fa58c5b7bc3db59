package io.github.eqvae.model.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder as diffusers' {@code save_pretrained} makes it: {@code config.json} and {@code
 * diffusion_pytorch_model.safetensors}, or {@code .bin}, whole or in shards with an index, maybe
 * only in a variant such as {@code .fp16}. A whole pipeline has that folder inside.
 *
 * @param config {@code config.json}; may be missing
 * @param weights the files of tensors
 * @param shards tensor to file, as the index says; empty for a single file
 */
record DiffusersFolder(Optional<Path> config, List<Path> weights, Map<String, Path> shards) {
  static final String CONFIG = "config.json";
  static final String WEIGHTS = "diffusion_pytorch_model";
  private static final String INDEX = ".index.json";

  /** Where pipelines keep their autoencoder. */
  private static final List<String> IN_PIPELINE = List.of("vae", "vqvae", "vqgan", "movq");

  static DiffusersFolder open(Path folder) throws IOException {
    Path here = inside(folder);
    Path weights = choose(here);
    Optional<Path> config = Optional.of(here.resolve(CONFIG)).filter(Files::isRegularFile);
    if (!weights.toString().endsWith(INDEX)) {
      return new DiffusersFolder(config, List.of(weights), Map.of());
    }
    Map<String, Path> shards = shards(weights);
    return new DiffusersFolder(config, List.copyOf(new TreeSet<>(shards.values())), shards);
  }

  /** The folder of the autoencoder, if this is one of a pipeline. */
  private static Path inside(Path folder) {
    if (Files.exists(folder.resolve("model_index.json"))) {
      for (String name : IN_PIPELINE) {
        if (Files.isDirectory(folder.resolve(name))) {
          return folder.resolve(name);
        }
      }
    }
    return folder;
  }

  private static Path choose(Path folder) throws IOException {
    for (String suffix : List.of(".safetensors", ".safetensors" + INDEX, ".bin", ".bin" + INDEX)) {
      Path file = folder.resolve(WEIGHTS + suffix);
      if (Files.isRegularFile(file)) {
        return file;
      }
    }
    List<Path> variants = variants(folder);
    if (variants.size() == 1) {
      return variants.getFirst();
    }
    throw new EqvaeException.Argument(
        variants.isEmpty()
            ? folder
                + " holds no "
                + WEIGHTS
                + ".safetensors or .bin; it has "
                + contents(folder)
                + ". Name the folder that has it, or a file of weights."
            : folder + " holds several variants: " + names(variants) + ". Name one of the files.");
  }

  /** Whole files and indexes such as {@code diffusion_pytorch_model.fp16.safetensors}. */
  private static List<Path> variants(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all =
          files
              .filter(
                  f ->
                      f.getFileName()
                          .toString()
                          .matches(
                              WEIGHTS
                                  + "\\.(safetensors\\.index\\.\\w+\\.json|bin\\.index\\.\\w+\\.json"
                                  + "|\\w+\\.(safetensors|bin)(\\.index\\.json)?)"))
              .sorted()
              .toList();
      List<Path> safe = all.stream().filter(f -> f.toString().contains(".safetensors")).toList();
      return safe.isEmpty() ? all : safe;
    }
  }

  private static String contents(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> some = files.sorted().limit(8).toList();
      return some.isEmpty() ? "nothing" : names(some);
    }
  }

  private static String names(List<Path> files) {
    return files.stream().map(f -> f.getFileName().toString()).collect(Collectors.joining(", "));
  }

  private static Map<String, Path> shards(Path index) throws IOException {
    JsonNode map = Json.read(index).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new EqvaeException.Argument(
          index + ": expected an object weight_map of tensor names to file names");
    }
    Map<String, Path> shards = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String file = entry.getValue().asText();
      if (!entry.getValue().isTextual() || !file.matches("[\\w.-]+") || file.startsWith(".")) {
        throw new EqvaeException.Argument(
            index + ": weight_map names " + entry.getValue() + ", which is not a file beside it");
      }
      shards.put(entry.getKey(), index.resolveSibling(file));
    }
    for (Path shard : new TreeSet<>(shards.values())) {
      if (!Files.isRegularFile(shard)) {
        long lost = shards.values().stream().filter(shard::equals).count();
        throw new EqvaeException.Argument(
            "The shard "
                + shard
                + " is missing; "
                + index.getFileName()
                + " says that "
                + lost
                + " of "
                + shards.size()
                + " tensors are in it. Download it too.");
      }
    }
    return shards;
  }
}
