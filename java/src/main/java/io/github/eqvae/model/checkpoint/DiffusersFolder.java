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
 * @param note which weights were taken, if there are two sets or only an average
 */
record DiffusersFolder(
    Optional<Path> config, List<Path> weights, Map<String, Path> shards, Optional<String> note) {
  static final String CONFIG = "config.json";
  static final String WEIGHTS = "diffusion_pytorch_model";
  private static final String NAME = Pattern.quote(WEIGHTS);
  private static final String INDEXES =
      "(safetensors|bin)(\\.index(\\.[\\w-]+)?|\\.[\\w-]+\\.index)\\.json";

  /** Excludes shards of a variant, such as {@code fp16-00001-of-00002}. */
  private static final String SHARD = ".*-\\d{5}-of-\\d{5}";

  /** The folders in which pipelines and diffusers' training scripts have their autoencoder. */
  private static final List<String> IN_PIPELINE =
      List.of("vae", "vqvae", "vqgan", "movq", "autoencoderkl", "vqmodel");

  /** The variant with the averaged weights. */
  private static final String AVERAGE = "ema";

  /** The variant with the weights as last trained, where the plain file is their average. */
  private static final String TRAINED = "non_ema";

  /**
   * Finds the weights. A variant is chosen only if there is no other file, or if it has the weights
   * that are requested.
   */
  static DiffusersFolder open(Path folder, Weights weights) throws IOException {
    Path here = inside(folder);
    requireLinked(here);
    Map<String, Path> files = files(here);
    Optional<Path> average = average(here, files);
    Path file =
        switch (weights) {
          case EMA -> average.orElseThrow(() -> noAverage(here));
          case MODEL -> files.containsKey(TRAINED) ? files.get(TRAINED) : choose(here);
          case AUTO -> choose(here);
        };
    boolean isAverage = average.filter(file::equals).isPresent();
    if (isAverage && weights == Weights.MODEL) {
      throw new EqvaeException.Argument(
          here
              + " only has averaged weights ("
              + file.getFileName()
              + "), not those as last trained; leave out --weights model");
    }
    Optional<String> note = average.map(a -> isAverage ? taken(a, here, files) : other(a, here));
    DiffusersFolder found =
        isIndex(file)
            ? ofIndex(file)
            : new DiffusersFolder(
                config(file.getParent()), List.of(file), Map.of(), Optional.empty());
    return new DiffusersFolder(found.config, found.weights, found.shards, note);
  }

  /**
   * The averaged weights: the variant {@code ema}, the plain file beside a variant {@code non_ema},
   * or a folder {@code vae_ema} beside {@code vae}, as diffusers' training scripts make it.
   */
  private static Optional<Path> average(Path folder, Map<String, Path> files) throws IOException {
    if (files.containsKey(AVERAGE)) {
      return Optional.of(files.get(AVERAGE));
    }
    if (files.containsKey(TRAINED)) {
      return Optional.ofNullable(files.get(""));
    }
    Path real = folder.toAbsolutePath().normalize();
    Path beside = real.resolveSibling(real.getFileName() + "_" + AVERAGE);
    return real.getParent() != null && !files.isEmpty() && Files.isDirectory(beside)
        ? Optional.ofNullable(files(beside).get(""))
        : Optional.empty();
  }

  private static String taken(Path average, Path folder, Map<String, Path> files) {
    boolean both = files.size() > 1 || !average.startsWith(folder);
    return "took the averaged weights ("
        + shortName(average, folder)
        + ")"
        + (both ? "; there are also those as last trained: --weights model uses them" : "");
  }

  private static String other(Path average, Path folder) {
    return "took the weights as last trained; there is also their average ("
        + shortName(average, folder)
        + "): --weights ema uses it";
  }

  private static String shortName(Path file, Path folder) {
    Path name = file.getFileName();
    return (file.startsWith(folder) ? name : file.getParent().getFileName().resolve(name))
        .toString();
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
        shards,
        Optional.empty());
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

  /** A user may name the checkpoints of a run, whose format is another one. */
  private static String advice(Path folder) {
    Path above = folder.toAbsolutePath().normalize().getParent();
    for (int i = 0; i < 2 && above != null; i++, above = above.getParent()) {
      if (Files.isRegularFile(above.resolve("recipe.yaml"))) {
        return ". It lies in the folder of a run: name that, " + above;
      }
    }
    return ". Name the folder that has it, or a file of weights.";
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
                + advice(folder)
            : folder
                + " holds several variants: "
                + names(List.copyOf(variants.values()))
                + ". Name one of the files.");
  }

  private static EqvaeException noAverage(Path folder) {
    return new EqvaeException.Argument(
        folder
            + " holds no averaged weights: no "
            + WEIGHTS
            + ".ema.safetensors or .bin, and no folder "
            + folder.getFileName()
            + "_ema beside it; leave out --weights ema");
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
