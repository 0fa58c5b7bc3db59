package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The shards of a finished folder, and the number of images in each according to the index. With an
 * index that was changed or belongs to other shards, images would be lost or used twice.
 */
public final class ShardImages {
  private static final int UNKNOWN = -1;

  /** For folders without an index. */
  public static final ShardImages NONE = new ShardImages(Map.of(), List.of());

  private final Map<Path, Integer> counts;
  private final List<Long> each;

  private ShardImages(Map<Path, Integer> counts, List<Long> each) {
    this.counts = counts;
    this.each = each;
  }

  /**
   * Reads the shards from an index.
   *
   * @param folder the folder of the index
   * @param json the result of {@link LatentIndex#read}
   * @return its shards, without those whose pictures were all broken: they have no file
   * @throws IOException when the index contradicts itself, or an entry is not the name of a file in
   *     the folder
   */
  public static ShardImages of(Path folder, JsonNode json) throws IOException {
    Map<Path, Integer> counts = new LinkedHashMap<>();
    long total = 0;
    boolean isKnown = json.has("images");
    for (JsonNode shard : json.path("shards")) {
      int images = shard.path("images").asInt(UNKNOWN);
      if (images < 0 && shard.has("images")) {
        throw changed(folder, "a shard has " + shard.path("images") + " images");
      }
      isKnown &= images != UNKNOWN;
      total += images;
      if (images == 0) {
        continue;
      }
      String name = shard.path("file").isTextual() ? shard.path("file").asText() : "";
      if (counts.put(folder.resolve(LatentIndex.fileName(folder, name)), images) != null) {
        throw changed(folder, name + " is listed twice");
      }
    }
    if (isKnown && json.path("images").asLong(UNKNOWN) != total) {
      throw changed(
          folder,
          "its shards have " + total + " images, but its own count is " + json.path("images"));
    }
    List<Long> each = new ArrayList<>();
    json.path("shape").forEach(n -> each.add(n.asLong()));
    return new ShardImages(counts, each);
  }

  private static IOException changed(Path folder, String what) {
    return new IOException(
        folder.resolve(LatentIndex.FILE)
            + " was changed: "
            + what
            + ". Run its `encode` command again with --overwrite");
  }

  /**
   * The shards.
   *
   * @return in their order
   */
  public List<Path> files() {
    return List.copyOf(counts.keySet());
  }

  /**
   * Compares a shard with its entry in the index.
   *
   * @param file the shard
   * @param shape shape of its array: the number of images, then the shape of each
   * @throws IOException when they differ
   */
  public void require(Path file, long... shape) throws IOException {
    long images = shape.length == 0 ? 1 : shape[0];
    List<Long> own = Arrays.stream(shape).skip(1).boxed().toList();
    if (counts.containsKey(file) && !own.isEmpty() && !each.isEmpty() && !own.equals(each)) {
      throw new IOException(
          "%s has arrays of shape %s, but index.json says %s: one of the files was changed"
              .formatted(file, own, each));
    }
    int expected = counts.getOrDefault(file, UNKNOWN);
    if (expected != UNKNOWN && images != expected) {
      throw new IOException(
          "%s has %d images, but index.json says %d: one of the files was changed"
              .formatted(file, images, expected));
    }
  }
}
