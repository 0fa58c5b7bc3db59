package io.github.eqvae.latents;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.SampleSource;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * {@code index.json} of a folder of latents: what made them and which shards are finished. A shard
 * counts when it stands here; it is written before.
 */
final class LatentIndex {
  static final String FILE = "index.json";

  /** 1 called a shard's {@code sum_squares} otherwise; it is read as well. */
  private static final int VERSION = 2;

  /** An index of an earlier version is gone on with, and so is one that was moved. */
  private static final Set<String> UNCOMPARED = Set.of("paths", "version");

  /** What an index did not say at first. */
  private static final Set<String> ADDED = Set.of("labels", MomentsKind.KEY);

  private static final long MAX_BYTES = 256L << 20;
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * A finished shard.
   *
   * @param file its name
   * @param bytes its size: a file of another one was cut short since
   * @param number its place
   * @param images in it
   * @param skipped broken images that are not in it
   * @param sum of the latents, per channel
   * @param sumSquares of the latents, per channel
   * @param values per channel
   * @param tar which images the keys of a tar archive stand for; absent in other formats
   */
  record Entry(
      String file,
      long bytes,
      int number,
      int images,
      int skipped,
      List<Double> sum,
      @JsonProperty("sum_squares") @JsonAlias("sumSquares") List<Double> sumSquares,
      long values,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable TarNames tar) {}

  private final Path folder;
  private final Map<String, Object> settings;
  private final TreeMap<Integer, Entry> shards = new TreeMap<>();

  /** Shards of an earlier index, which this one takes the place of. */
  private final List<Path> replaced = new ArrayList<>();

  private LatentIndex(Path folder, Map<String, Object> settings) {
    this.folder = folder;
    this.settings = settings;
  }

  /** The index of a new folder, or that of one begun earlier with the same settings. */
  static LatentIndex open(Path folder, Map<String, Object> settings, boolean overwrite)
      throws IOException {
    LatentIndex index = new LatentIndex(folder, settings);
    Path file = folder.resolve(FILE);
    if (!Files.exists(file)) {
      return index;
    }
    JsonNode old = read(file);
    if (overwrite) {
      index.replaced.addAll(files(folder, old));
      return index;
    }
    List<String> differences = new ArrayList<>();
    // By way of text: numbers of equal value may be nodes of different kinds.
    JsonNode ours = JSON.readTree(ImageNames.escape(JSON.writeValueAsString(settings)));
    for (Map.Entry<String, JsonNode> e : ours.properties()) {
      boolean compared =
          !UNCOMPARED.contains(e.getKey())
              // Earlier versions did not say it.
              && !(ADDED.contains(e.getKey()) && !old.has(e.getKey()));
      if (compared && !Objects.equals(e.getValue(), old.get(e.getKey()))) {
        differences.add(e.getKey() + ": there " + old.get(e.getKey()) + ", now " + e.getValue());
      }
    }
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + " holds latents that were made otherwise:\n  "
              + String.join("\n  ", differences)
              + "\nName another folder, or add --overwrite.");
    }
    for (JsonNode shard : old.path("shards")) {
      Entry entry = convert(folder, shard, Entry.class);
      Path there = folder.resolve(fileName(folder, String.valueOf(entry.file())));
      boolean isThere =
          entry.images() == 0 || (Files.isRegularFile(there) && Files.size(there) == entry.bytes());
      if (isThere) {
        index.shards.put(entry.number(), entry);
      }
    }
    return index;
  }

  /** The shards that an index names. */
  static List<Path> files(Path folder, JsonNode json) throws IOException {
    List<Path> files = new ArrayList<>();
    for (JsonNode shard : json.path("shards")) {
      if (shard.path("images").asInt(1) == 0) {
        continue; // all its pictures were broken
      }
      files.add(folder.resolve(fileName(folder, shard.path("file").asText())));
    }
    return files;
  }

  /** The name of a shard, which must lie in the folder itself. */
  private static String fileName(Path folder, String text) throws IOException {
    if (!text.matches("[^/\\\\\0]+") || text.equals("..") || text.equals(".")) {
      throw new IOException(
          folder.resolve(FILE) + ": '" + FileNames.shown(text) + "' is no name of a shard");
    }
    return text;
  }

  /** What the keys of a folder's tar archives stand for. */
  static Map<Path, UnaryOperator<String>> keys(Path folder, JsonNode json) throws IOException {
    Map<Path, UnaryOperator<String>> keys = new HashMap<>();
    for (JsonNode shard : json.path("shards")) {
      if (shard.has("tar")) {
        TarNames names = convert(folder, shard.path("tar"), TarNames.class);
        keys.put(folder.resolve(fileName(folder, shard.path("file").asText())), names::of);
      }
    }
    return keys;
  }

  private static <T> T convert(Path folder, JsonNode node, Class<T> type) throws IOException {
    try {
      return JSON.convertValue(node, type);
    } catch (IllegalArgumentException e) {
      throw new IOException(folder.resolve(FILE) + " was changed: " + e.getMessage(), e);
    }
  }

  /** Removes the shards that are overwritten, so that nothing of them stays beside the new ones. */
  void removeReplaced() throws IOException {
    for (Path file : replaced) {
      Files.deleteIfExists(file);
    }
    replaced.clear();
  }

  static JsonNode read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new IOException(file + " has more than " + MAX_BYTES + " bytes");
    }
    try {
      JsonNode node = JSON.readTree(Files.readAllBytes(file));
      int version = node.path("version").asInt();
      if (version < 1
          || version > VERSION
          || !node.path("format").asText().equals("eqvae-latents")) {
        throw new IOException(file + " is no index of latents of version 1 to " + VERSION);
      }
      return node;
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is no JSON: " + e.getOriginalMessage(), e);
    }
  }

  /** The hash of the weights that made the latents of a folder, if its index says. */
  static Optional<String> weights(Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    return Files.isRegularFile(file)
        ? Optional.ofNullable(read(file).path("model").path("weights_sha256").textValue())
        : Optional.empty();
  }

  /**
   * The root mean square of what a generator sees of these latents; empty without statistics, or
   * where squares have statistics of their own.
   */
  OptionalDouble rms(LatentScaling scaling) {
    if (shards.isEmpty() || shards.firstEntry().getValue().sum().isEmpty() || scaling.gathers()) {
      return OptionalDouble.empty();
    }
    int channels = shards.firstEntry().getValue().sum().size();
    double total = 0;
    long values = shards.values().stream().mapToLong(Entry::values).sum();
    for (int c = 0; c < channels; c++) {
      int channel = c;
      double mean = shards.values().stream().mapToDouble(e -> e.sum().get(channel)).sum() / values;
      double square =
          shards.values().stream().mapToDouble(e -> e.sumSquares().get(channel)).sum() / values;
      // scale() is a·z + b, so E[(a·z + b)²] needs only these two.
      double b = scaling.scale(0, c);
      double a = scaling.scale(1, c) - b;
      total += a * a * square + 2 * a * b * mean + b * b;
    }
    return OptionalDouble.of(Math.sqrt(Math.max(0, total / channels)));
  }

  boolean has(int shard) {
    return shards.containsKey(shard);
  }

  /** Images in finished shards. */
  long images() {
    return shards.values().stream().mapToLong(Entry::images).sum();
  }

  long skipped() {
    return shards.values().stream().mapToLong(Entry::skipped).sum();
  }

  void add(Entry entry) throws IOException {
    shards.put(entry.number(), entry);
    write(false);
  }

  /** Writes the index; a complete one has the statistics of all latents. */
  void write(boolean complete) throws IOException {
    ObjectNode root = JSON.valueToTree(settings);
    root.put("complete", complete);
    root.put("images", images());
    statistics().ifPresent(s -> root.set("statistics", JSON.valueToTree(s)));
    root.set("shards", JSON.valueToTree(shards.values()));
    String text = ImageNames.escape(JSON.writeValueAsString(root));
    AtomicFiles.write(folder.resolve(FILE), text + "\n");
  }

  /** Mean and deviation of what is in the finished shards, in the order of the shards. */
  Optional<Map<String, Object>> statistics() {
    // A shard of which no picture was whole has no sums.
    List<Entry> filled = shards.values().stream().filter(e -> !e.sum().isEmpty()).toList();
    if (filled.isEmpty()) {
      return Optional.empty();
    }
    int channels = filled.getFirst().sum().size();
    double[] sum = new double[channels];
    double[] squares = new double[channels];
    long values = 0;
    for (Entry e : filled) {
      for (int c = 0; c < channels; c++) {
        sum[c] += e.sum().get(c);
        squares[c] += e.sumSquares().get(c);
      }
      values += e.values();
    }
    List<Double> means = new ArrayList<>();
    List<Double> stds = new ArrayList<>();
    double total = 0;
    double totalSquares = 0;
    for (int c = 0; c < channels; c++) {
      double mean = sum[c] / values;
      means.add(mean);
      stds.add(Math.sqrt(Math.max(0, squares[c] / values - mean * mean)));
      total += sum[c] / values / channels;
      totalSquares += squares[c] / values / channels;
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("channel_mean", means);
    out.put("channel_std", stds);
    out.put("mean", total);
    double std = Math.sqrt(Math.max(0, totalSquares - total * total));
    out.put("std", std);
    if (std > 0) {
      out.put("scaling_factor", 1 / std);
      out.put("shift_factor", total);
    }
    return Optional.of(out);
  }

  /** What decides every bit of the shards. */
  static Map<String, Object> settings(
      Path model,
      Vae vae,
      Path input,
      SampleSource source,
      EncodeOptions o,
      Optional<Tiling> tiling) {
    int side = o.size() / vae.downsamplingFactor();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("format", "eqvae-latents");
    map.put("version", VERSION);
    map.put("paths", Map.of("model", model.toString(), "input", input.toString()));
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("weights_sha256", vae.weightsHash());
    m.put("downsampling_factor", vae.downsamplingFactor());
    m.put("latent_channels", vae.latentChannels());
    m.put("codebook_size", vae.codebookSize());
    map.put("model", m);
    map.put("scaling", vae.scaling().map(LatentIndex::scaling).orElse(null));
    map.put("content", o.content().name().toLowerCase(Locale.ROOT));
    if (o.content() == Content.MOMENTS) {
      map.put(MomentsKind.KEY, MomentsKind.STD.text());
    }
    map.put("scaled", o.scaled());
    map.put("seed", o.seed());
    map.put("image_size", o.size());
    map.put("crop", o.crop().name().toLowerCase(Locale.ROOT));
    map.put("alpha", o.decode().alpha().name().toLowerCase(Locale.ROOT));
    map.put("orientation", o.decode().orientation().name().toLowerCase(Locale.ROOT));
    map.put("hflip", o.hflip());
    map.put("tile", tiling.map(Tiling::size).orElse(null)); // rounding differs
    map.put("file_format", o.format().extension());
    map.put("dtype", o.content() == Content.CODES ? "int32" : "float32");
    map.put(
        "shape",
        switch (o.content()) {
          case CODES -> List.of(side, side);
          case MOMENTS -> List.of(2 * vae.latentChannels(), side, side);
          default -> shape(vae, o, side);
        });
    map.put("shard_size", o.shardSize());
    map.put("labels", o.labels() && source.isLabelled());
    map.put("classes", o.labels() ? source.classes() : List.of());
    map.put("input_sha256", hash(source));
    return map;
  }

  /** What generators see may have squares gathered into channels. */
  private static List<Integer> shape(Vae vae, EncodeOptions o, int side) {
    int patch = o.scaled() ? vae.scaling().map(LatentScaling::patch).orElse(1) : 1;
    return List.of(vae.latentChannels() * patch * patch, side / patch, side / patch);
  }

  private static @Nullable Map<String, Object> scaling(LatentScaling s) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("scaling_factor", s.scalingFactor());
    out.put("shift_factor", s.shiftFactor());
    if (!s.mean().isEmpty()) {
      out.put("latents_mean", s.mean());
      out.put("latents_std", s.std());
      if (s.gathers()) {
        out.put("patch", s.patch());
        out.put("batch_norm_eps", s.eps());
      }
    }
    return out;
  }

  private static String hash(SampleSource source) {
    try {
      MessageDigest hash = MessageDigest.getInstance("SHA-256");
      source.inventory(
          line -> hash.update((FileNames.shown(line) + "\n").getBytes(StandardCharsets.UTF_8)));
      return HexFormat.of().formatHex(hash.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("every Java runtime must have SHA-256", e);
    }
  }
}
