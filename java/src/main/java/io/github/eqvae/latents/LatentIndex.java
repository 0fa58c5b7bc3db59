package io.github.eqvae.latents;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * {@code index.json} of a folder of latents: what made them and which shards are finished. A shard
 * counts when it stands here; it is written before.
 */
public final class LatentIndex {
  /** Its name in the folder. */
  public static final String FILE = "index.json";

  /** 1 called a shard's {@code sum_squares} otherwise; it is read as well. */
  public static final int VERSION = 2;

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
   * @param patchSum of the channels that squares of 2×2 are gathered into, where the model's
   *     scaling does so
   * @param patchSumSquares likewise
   * @param tar which images the keys of a tar archive stand for; absent in other formats
   */
  public record Entry(
      String file,
      long bytes,
      int number,
      int images,
      int skipped,
      List<Double> sum,
      @JsonProperty("sum_squares") @JsonAlias("sumSquares") List<Double> sumSquares,
      long values,
      @JsonProperty("patch_sum") @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Double> patchSum,
      @JsonProperty("patch_sum_squares") @JsonInclude(JsonInclude.Include.NON_EMPTY)
          List<Double> patchSumSquares,
      @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable TarNames tar) {
    /** Earlier versions have no sums of squares of 2×2. */
    public Entry {
      patchSum = Objects.requireNonNullElse(patchSum, List.of());
      patchSumSquares = Objects.requireNonNullElse(patchSumSquares, List.of());
    }
  }

  private final Path folder;
  private final Map<String, Object> settings;
  private final TreeMap<Integer, Entry> shards = new TreeMap<>();

  /** Shards of an earlier index, which this one takes the place of. */
  private final List<Path> replaced = new ArrayList<>();

  private LatentIndex(Path folder, Map<String, Object> settings) {
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * The index of a new folder, or that of one begun earlier with the same settings.
   *
   * @param folder the folder
   * @param settings what decides every bit of the shards, by name
   * @param overwrite whether earlier shards are replaced, whatever made them
   * @return the index
   * @throws IOException when an earlier index cannot be read
   * @throws EqvaeException.Argument when the folder has latents of other settings
   */
  public static LatentIndex open(Path folder, Map<String, Object> settings, boolean overwrite)
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
      // What an index does not name, it has none of.
      JsonNode there = old.has(e.getKey()) ? old.get(e.getKey()) : absent(e.getKey());
      if (compared && !Objects.equals(e.getValue(), there)) {
        differences.add(e.getKey() + ": there " + there + ", now " + e.getValue());
      }
    }
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + " holds latents that were made with other settings:\n  "
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

  private static @Nullable JsonNode absent(String key) {
    return key.equals(FeatureGrid.KEY) ? NullNode.getInstance() : null;
  }

  /**
   * The shards that an index names.
   *
   * @param folder where it lies
   * @param json what {@link #read} gave
   * @return the files in their order
   * @throws IOException when it names something else than a file of its folder
   */
  public static List<Path> files(Path folder, JsonNode json) throws IOException {
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
  static String fileName(Path folder, String text) throws IOException {
    if (!text.matches("[^/\\\\\0]+") || text.equals("..") || text.equals(".")) {
      throw new IOException(
          folder.resolve(FILE) + ": '" + FileNames.shown(text) + "' is no name of a shard");
    }
    return text;
  }

  /**
   * What the keys of a folder's tar archives stand for.
   *
   * @param folder where it lies
   * @param json what {@link #read} gave
   * @return for each tar archive, what image a key stands for
   * @throws IOException when it cannot be made sense of
   */
  public static Map<Path, UnaryOperator<String>> keys(Path folder, JsonNode json)
      throws IOException {
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

  /**
   * Removes the shards that are overwritten, so that nothing of them stays beside the new ones.
   *
   * @throws IOException when one cannot be removed
   */
  public void removeReplaced() throws IOException {
    for (Path file : replaced) {
      Files.deleteIfExists(file);
    }
    replaced.clear();
  }

  /**
   * Reads an index.
   *
   * @param file {@code index.json}
   * @return what it says
   * @throws IOException when it is none of a version that is known
   */
  public static JsonNode read(Path file) throws IOException {
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

  /**
   * The hash of the weights that made the latents of a folder.
   *
   * @param folder the folder
   * @return empty if no index says
   * @throws IOException when the index cannot be read
   */
  public static Optional<String> weights(Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    return Files.isRegularFile(file)
        ? Optional.ofNullable(read(file).path("model").path("weights_sha256").textValue())
        : Optional.empty();
  }

  /**
   * The root mean square of what a generator sees of these latents; empty without statistics, such
   * as those of gathered squares in an index that an earlier version began.
   *
   * @param scaling what they are scaled with
   * @return the root mean square
   */
  public OptionalDouble rms(LatentScaling scaling) {
    return (scaling.gathers()
            ? LatentSums.ofSquares(shards.values())
            : LatentSums.of(shards.values()))
        .stream().mapToDouble(sums -> sums.rms(scaling)).findFirst();
  }

  /**
   * Whether a shard is finished.
   *
   * @param shard its number
   * @return true if so
   */
  public boolean has(int shard) {
    return shards.containsKey(shard);
  }

  /**
   * Images in finished shards.
   *
   * @return the count
   */
  public long images() {
    return shards.values().stream().mapToLong(Entry::images).sum();
  }

  /**
   * Broken images that are in no shard.
   *
   * @return the count
   */
  public long skipped() {
    return shards.values().stream().mapToLong(Entry::skipped).sum();
  }

  /**
   * Notes a shard that was written.
   *
   * @param entry what it is
   * @throws IOException when the index cannot be written
   */
  public void add(Entry entry) throws IOException {
    shards.put(entry.number(), entry);
    write(false);
  }

  /**
   * Writes the index; a complete one has the statistics of all latents.
   *
   * @param complete whether all shards are there
   * @throws IOException when it cannot be written
   */
  public void write(boolean complete) throws IOException {
    ObjectNode root = JSON.valueToTree(settings);
    root.put("complete", complete);
    root.put("images", images());
    statistics().ifPresent(s -> root.set("statistics", JSON.valueToTree(s)));
    root.set("shards", JSON.valueToTree(shards.values()));
    String text = ImageNames.escape(JSON.writeValueAsString(root));
    AtomicFiles.write(folder.resolve(FILE), text + "\n");
  }

  /** Mean and deviation of what is in the finished shards, in the order of the shards. */
  private Optional<Map<String, Object>> statistics() {
    return LatentSums.of(shards.values()).map(this::statistics);
  }

  private Map<String, Object> statistics(LatentSums sums) {
    List<Double> means = new ArrayList<>();
    List<Double> stds = new ArrayList<>();
    double total = 0;
    double totalSquares = 0;
    for (int c = 0; c < sums.channels(); c++) {
      double mean = sums.mean(c);
      means.add(mean);
      stds.add(Math.sqrt(Math.max(0, sums.meanSquare(c) - mean * mean)));
      total += mean / sums.channels();
      totalSquares += sums.meanSquare(c) / sums.channels();
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
    LatentSums.ofSquares(shards.values())
        .ifPresent(
            squares -> {
              out.put(
                  "patch_mean",
                  IntStream.range(0, squares.channels()).mapToObj(squares::mean).toList());
              out.put("patch_variance", squares.unbiasedVariances());
            });
    return out;
  }
}
