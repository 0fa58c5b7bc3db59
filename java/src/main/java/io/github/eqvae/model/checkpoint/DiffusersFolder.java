package io.github.eqvae.model.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder of diffusers' {@code save_pretrained}: {@code config.json} and {@code
 * diffusion_pytorch_model.safetensors}, or {@code .bin}, as one file or in shards with an index,
 * perhaps only in a variant such as {@code .fp16}. A complete pipeline contains such a folder.
 *
 * @param config {@code config.json}; may be missing
 * @param weights the files of tensors
 * @param shards tensor to file, as the index says; empty for a single file
 */
record DiffusersFolder(Optional<Path> config, List<Path> weights, Map<String, Path> shards) {
  static final String CONFIG = "config.json";
  static final String WEIGHTS = "diffusion_pytorch_model";
  private static final String NAME = Pattern.quote(WEIGHTS);
  private static final String INDEXES =
      "(safetensors|bin)(\\.index(\\.[\\w-]+)?|\\.[\\w-]+\\.index)\\.json";

  /** Excludes shards of a variant, such as {@code fp16-00001-of-00002}. */
  private static final String SHARD = ".*-\\d{5}-of-\\d{5}";

  /** The folders in which pipelines have their autoencoder. */
  private static final List<String> IN_PIPELINE = List.of("vae", "vqvae", "vqgan", "movq");

  /**
   * Finds the weights. A variant is chosen only if there is no other file, or if it has the
   * averaged weights and these are requested.
   */
  static DiffusersFolder open(Path folder, Weights weights) throws IOException {
    Path here = inside(folder);
    requireLinked(here);
    Path file = weights == Weights.EMA ? average(here) : choose(here);
    return isIndex(file)
        ? ofIndex(file)
        : new DiffusersFolder(config(here), List.of(file), Map.of());
  }

  /**
   * Refuses broken links, which a cache leaves behind when its files are removed: the files would
   * seem to be missing.
   */
  private static void requireLinked(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      Optional<Path> dangling =
          all.filter(Files::isSymbolicLink)
              .filter(f -> !Files.exists(f))
              .filter(f -> f.getFileName().toString().matches(NAME + "\\..*|" + CONFIG))
              .min(Path::compareTo);
      if (dangling.isPresent()) {
        throw new EqvaeException.Argument(
            dangling.get() + " is a link to nothing; download the model again");
      }
    }
  }

  /** Whether a file is an index of shards; only its name says so. */
  static boolean isIndex(Path file) {
    return file.getFileName().toString().matches(NAME + "\\.(" + INDEXES + ")");
  }

  /** The shards that an index names. */
  static DiffusersFolder ofIndex(Path index) throws IOException {
    Map<String, Path> shards = shards(index);
    return new DiffusersFolder(
        config(index.toAbsolutePath().getParent()),
        List.copyOf(new TreeSet<>(shards.values())),
        shards);
  }

  private static Optional<Path> config(Path folder) {
    return Optional.of(folder.resolve(CONFIG)).filter(Files::isRegularFile);
  }

  /** The folder of the autoencoder, if this is one of a pipeline. */
  private static Path inside(Path folder) throws IOException {
    if (Files.exists(folder.resolve("model_index.json")) || files(folder).isEmpty()) {
      for (String name : IN_PIPELINE) {
        if (Files.isDirectory(folder.resolve(name))) {
          return folder.resolve(name);
        }
      }
    }
    return folder;
  }

  private static Path choose(Path folder) throws IOException {
    Map<String, Path> variants = files(folder);
    if (variants.containsKey("")) {
      return variants.get("");
    }
    if (variants.size() == 1) {
      return variants.values().iterator().next();
    }
    throw new EqvaeException.Argument(
        variants.isEmpty()
            ? folder
                + " holds no "
                + WEIGHTS
                + ".safetensors or .bin; it has "
                + contents(folder)
                + ". Name the folder that has it, or a file of weights."
            : folder
                + " holds several variants: "
                + names(List.copyOf(variants.values()))
                + ". Name one of the files.");
  }

  private static Path average(Path folder) throws IOException {
    Path file = files(folder).get("ema");
    if (file == null) {
      throw new EqvaeException.Argument(
          folder
              + " holds no averaged weights: no "
              + WEIGHTS
              + ".ema.safetensors or .bin; leave out --weights ema");
    }
    return file;
  }

  /**
   * Variant to its file, the empty variant first: safetensors before {@code .bin}, a single file
   * before an index. diffusers writes {@code NAME.VARIANT.safetensors}, {@code
   * NAME.safetensors.index.VARIANT.json} and before 0.29 {@code
   * NAME.safetensors.VARIANT.index.json}.
   */
  private static Map<String, Path> files(Path folder) throws IOException {
    Map<String, Path> found = new TreeMap<>();
    List<String> names = new ArrayList<>();
    try (Stream<Path> all = Files.list(folder)) {
      all.filter(Files::isRegularFile).forEach(f -> names.add(f.getFileName().toString()));
    }
    names.sort(null);
    for (String kind : List.of("safetensors", "bin")) {
      for (String form :
          List.of(
              "(?:\\.([\\w-]+))?\\." + kind,
              "\\." + kind + "\\.index(?:\\.([\\w-]+))?\\.json",
              "\\." + kind + "\\.([\\w-]+)\\.index\\.json")) {
        Pattern pattern = Pattern.compile(NAME + form);
        for (String name : names) {
          Matcher m = pattern.matcher(name);
          String variant = m.matches() && m.group(1) != null ? m.group(1) : "";
          if (m.matches() && !variant.matches(SHARD)) {
            found.putIfAbsent(variant, folder.resolve(name));
          }
        }
      }
    }
    return found;
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
