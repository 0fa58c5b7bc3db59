package io.github.eqvae.latents;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Some encoded images, as they lie in one file.
 *
 * @param names of the images
 * @param keys of the images in a tar archive; empty in other formats
 * @param labels one per image; empty if there are no classes
 * @param arrays name ({@code latents}, {@code moments} or {@code codes}, with {@code _flip} for the
 *     mirrored images) to values
 * @param momentsKind what moments are, where the file says it
 */
public record Shard(
    List<String> names,
    List<String> keys,
    Optional<long[]> labels,
    Map<String, Values> arrays,
    Optional<MomentsKind> momentsKind) {
  /**
   * What was read of a file that does not say what its moments are.
   *
   * @param names of the images
   * @param arrays by name
   * @return the shard
   */
  public static Shard read(List<String> names, Map<String, Values> arrays) {
    return read(names, arrays, Optional.empty());
  }

  /**
   * What was read of a file.
   *
   * @param names of the images
   * @param arrays by name
   * @param momentsKind what moments are, where the file says it
   * @return the shard
   */
  public static Shard read(
      List<String> names, Map<String, Values> arrays, Optional<MomentsKind> momentsKind) {
    return new Shard(names, List.of(), Optional.empty(), arrays, momentsKind);
  }

  /** Behind the name of what mirrored images gave. */
  public static final String FLIP = "_flip";

  /**
   * Numbers of all images.
   *
   * @param floats row-major; empty if they are integers
   * @param ints row-major; empty if they are floats
   * @param shape {@code [n, …]}
   */
  public record Values(float[] floats, int[] ints, long[] shape) {
    /**
     * Whether they are integers.
     *
     * @return true of codes
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
