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
 * {@code index.json} of a folder of latents: how they were made and which shards are finished. A
 * shard is written first and then added here; only shards that are here count.
 */
public final class LatentIndex {
  /** Its name in the folder. */
  public static final String FILE = "index.json";

  /**
   * The version that is written. Version 1 has another name for {@code sum_squares}, and is read,
   * too.
   */
  public static final int VERSION = 2;

  /**
   * Settings that may differ when a folder is continued: it may have been moved, or begun by an
   * earlier version.
   */
  private static final Set<String> UNCOMPARED = Set.of("paths", "version");

  /** Settings that indices of early versions do not have. */
  private static final Set<String> ADDED = Set.of("labels", MomentsKind.KEY);

  private static final long MAX_BYTES = 256L << 20;
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * A finished shard.
   *
   * @param file its name
   * @param bytes its size; a file of another size was truncated later
   * @param number its number, from 0
   * @param images images in it
   * @param skipped broken images that are not in it
   * @param sum sum of the latents, per channel
   * @param sumSquares sum of the squared latents, per channel
   * @param values number of values per channel
   * @param patchSum sum per channel after patches of 2×2 are packed into channels, if the model's
   *     scaling packs them
   * @param patchSumSquares sum of the squares of the same values
   * @param tar the images' names for the keys of a tar archive; absent for other formats
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
    /** Earlier versions have no sums of packed patches. */
    public Entry {
      patchSum = Objects.requireNonNullElse(patchSum, List.of());
      patchSumSquares = Objects.requireNonNullElse(patchSumSquares, List.of());
    }
  }

  private final Path folder;
  private final Map<String, Object> settings;
  private final TreeMap<Integer, Entry> shards = new TreeMap<>();

  /** Shards of an earlier index that this one replaces. */
  private final List<Path> replaced = new ArrayList<>();

  private LatentIndex(Path folder, Map<String, Object> settings) {
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * Opens the index of a new folder, or of a folder that was begun with the same settings.
   *
   * @param folder the folder
   * @param settings everything that the bits of the shards depend on, by name
   * @param overwrite whether earlier shards are replaced, also those of other settings
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
    // converted to text first: equal numbers may be JSON nodes of different types
    JsonNode ours = JSON.readTree(ImageNames.escape(JSON.writeValueAsString(settings)));
    for (Map.Entry<String, JsonNode> e : ours.properties()) {
      boolean compared =
          !UNCOMPARED.contains(e.getKey())
              // earlier versions did not write it
              && !(ADDED.contains(e.getKey()) && !old.has(e.getKey()));
      // an entry that the index lacks means that the folder has no such arrays
      JsonNode there = old.has(e.getKey()) ? old.get(e.getKey()) : absent(e.getKey());
      boolean same =
          e.getKey().equals(FeatureGrid.KEY) && there != null
              ? FeatureGrid.same(e.getValue(), there)
              : Objects.equals(e.getValue(), there);
      if (compared && !same) {
        differences.add(e.getKey() + ": there " + there + ", now " + e.getValue());
      }
    }
    if (!differences.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + " holds latents that were made with other settings:\n  "
              + String.join("\n  ", differences)
              + "\nUse another folder, or add --overwrite.");
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
   * The shards in an index.
   *
   * @param folder the folder of the index
   * @param json the result of {@link #read}
   * @return the files in their order
   * @throws IOException when an entry is not the name of a file in the folder
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

  /** Checks the name of a shard, which must be directly in the folder. */
  static String fileName(Path folder, String text) throws IOException {
    if (!text.matches("[^/\\\\\0]+") || text.equals("..") || text.equals(".")) {
      throw new IOException(
          folder.resolve(FILE) + ": '" + FileNames.shown(text) + "' is not the name of a shard");
    }
    return text;
  }

  /**
   * The names of the images in a folder's tar archives.
   *
   * @param folder the folder of the index
   * @param json the result of {@link #read}
   * @return for each tar archive, a map from a key to the image's name
   * @throws IOException when the index is invalid
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
   * Removes the earlier shards that this index replaces, so that none remains beside the new ones.
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
   * @return its content
   * @throws IOException when it is not an index of a supported version
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
        throw new IOException(file + " is not an index of latents of version 1 to " + VERSION);
      }
      return node;
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * The hash of the weights that made the latents of a folder.
   *
   * @param folder the folder
   * @return the SHA-256; empty if there is no index, or it has none
   * @throws IOException when the index cannot be read
   */
  public static Optional<String> weights(Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    return Files.isRegularFile(file)
        ? Optional.ofNullable(read(file).path("model").path("weights_sha256").textValue())
        : Optional.empty();
  }

  /**
   * The root mean square of the scaled latents, which are a generator's input. Empty if the index
   * lacks the statistics, such as those of packed patches in an index that an earlier version
   * began.
   *
   * @param scaling the scaling for a generator
   * @return the root mean square
   */
  public OptionalDouble rms(LatentScaling scaling) {
    return (scaling.gathers()
            ? LatentSums.ofSquares(shards.values())
            : LatentSums.of(shards.values()))
        .stream().mapToDouble(sums -> sums.rms(scaling)).findFirst();
  }

  /**
   * Channels that are the same everywhere.
   *
   * @return their numbers
   */
  public List<Integer> constantChannels() {
    return LatentSums.of(shards.values()).map(LatentSums::constant).orElse(List.of());
  }

  /**
   * Whether a shard is finished.
   *
   * @param shard its number
   * @return true if it is
   */
  public boolean has(int shard) {
    return shards.containsKey(shard);
  }

  /**
   * The number of images in finished shards.
   *
   * @return the count
   */
  public long images() {
    return shards.values().stream().mapToLong(Entry::images).sum();
  }

  /**
   * The number of broken images, which are in no shard.
   *
   * @return the count
   */
  public long skipped() {
    return shards.values().stream().mapToLong(Entry::skipped).sum();
  }

  /**
   * Adds a shard that was written.
   *
   * @param entry its entry
   * @throws IOException when the index cannot be written
   */
  public void add(Entry entry) throws IOException {
    shards.put(entry.number(), entry);
    write(false);
  }

  /**
   * Writes the index, with the statistics of the finished shards.
   *
   * @param complete whether all shards are finished
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

  /**
   * Mean and standard deviation of the finished shards' latents, added in the order of the shards.
   */
  private Optional<Map<String, Object>> statistics() {
    return LatentSums.of(shards.values()).map(this::statistics);
  }

  private Map<String, Object> statistics(LatentSums sums) {
    List<Double> means = new ArrayList<>();
    List<Double> stds = new ArrayList<>();
    double total = 0;
    double totalSquares = 0;
    for (int c = 0; c < sums.channels(); c++) {
      means.add(sums.mean(c));
      stds.add(sums.std(c));
      total += sums.mean(c) / sums.channels();
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
