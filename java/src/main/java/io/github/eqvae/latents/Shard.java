package io.github.eqvae.latents;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The encoded images of one file.
 *
 * @param names names of the images
 * @param keys keys of the images in a tar archive; empty for other formats
 * @param labels one per image; empty if there are no classes
 * @param arrays name ({@code latents}, {@code moments} or {@code codes}, with {@code _flip} for the
 *     mirrored images) to array
 * @param momentsKind the kind of moments, if the file has this entry
 */
public record Shard(
    List<String> names,
    List<String> keys,
    Optional<long[]> labels,
    Map<String, Values> arrays,
    Optional<MomentsKind> momentsKind) {
  /**
   * A shard read from a file without an entry for the kind of moments.
   *
   * @param names names of the images
   * @param arrays arrays by name
   * @return the shard
   */
  public static Shard read(List<String> names, Map<String, Values> arrays) {
    return read(names, arrays, Optional.empty());
  }

  /**
   * A shard read from a file.
   *
   * @param names names of the images
   * @param arrays arrays by name
   * @param momentsKind the kind of moments, if the file has this entry
   * @return the shard
   */
  public static Shard read(
      List<String> names, Map<String, Values> arrays, Optional<MomentsKind> momentsKind) {
    return new Shard(names, List.of(), Optional.empty(), arrays, momentsKind);
  }

  /** Suffix of the names of the mirrored images' arrays. */
  public static final String FLIP = "_flip";

  /**
   * An array with the numbers of all images.
   *
   * @param floats row-major; empty if they are integers
   * @param ints row-major; empty if they are floats
   * @param shape {@code [n, …]}
   */
  public record Values(float[] floats, int[] ints, long[] shape) {
    /**
     * Whether they are integers.
     *
     * @return true for codes
     */
    public boolean discrete() {
      return ints.length > 0;
    }

    /**
     * Numbers per image.
     *
     * @return the count
     */
    public int each() {
      return Math.max(floats.length, ints.length) / (int) shape[0];
    }
  }
}
