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
 * The shards of a finished folder, and how many images each should have. An index that was changed
 * or that belongs to other shards would have images lost, or there twice.
 */
public final class ShardImages {
  private static final int UNKNOWN = -1;

  /** Of folders without an index. */
  public static final ShardImages NONE = new ShardImages(Map.of(), List.of());

  private final Map<Path, Integer> counts;
  private final List<Long> each;

  private ShardImages(Map<Path, Integer> counts, List<Long> each) {
    this.counts = counts;
    this.each = each;
  }

  /**
   * What an index says.
   *
   * @param folder where it lies
   * @param json what {@link LatentIndex#read} gave
   * @return its shards; those whose pictures were all broken have no file, and are left out
   * @throws IOException when the index disagrees with itself, or names something else than a file
   *     of its folder
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
        throw changed(folder, name + " stands there twice");
      }
    }
    if (isKnown && json.path("images").asLong(UNKNOWN) != total) {
      throw changed(
          folder, "its shards have " + total + " images, and it says " + json.path("images"));
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
   * Compares a shard with what the index says of it.
   *
   * @param file the shard
   * @param shape of its array: the images, and the shape of each
   * @throws IOException when they differ
   */
  public void require(Path file, long... shape) throws IOException {
    long images = shape.length == 0 ? 1 : shape[0];
    List<Long> own = Arrays.stream(shape).skip(1).boxed().toList();
    if (counts.containsKey(file) && !own.isEmpty() && !each.isEmpty() && !own.equals(each)) {
      throw new IOException(
          "%s has arrays of shape %s, and index.json says %s: one of them was changed"
              .formatted(file, own, each));
    }
    int expected = counts.getOrDefault(file, UNKNOWN);
    if (expected != UNKNOWN && images != expected) {
      throw new IOException(
          "%s has %d images, and index.json says %d: one of them was changed"
              .formatted(file, images, expected));
    }
  }
}
