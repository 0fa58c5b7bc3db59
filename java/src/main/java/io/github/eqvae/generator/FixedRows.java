package io.github.eqvae.generator;

import io.github.eqvae.io.Image;
import java.util.List;
import java.util.function.Function;

/**
 * Runs a network on pictures in batches of a constant size: the way products are computed, and so
 * the last bits, may depend on the batch size. The last batch is filled with copies of the last
 * picture.
 */
final class FixedRows {
  private FixedRows() {}

  /**
   * Runs the network.
   *
   * @param pictures any number of pictures
   * @param rows pictures per batch
   * @param each output numbers per picture
   * @param network computes {@code rows · each} numbers for a batch
   * @return {@code [N, each]}
   */
  static float[] run(
      List<Image> pictures, int rows, int each, Function<List<Image>, float[]> network) {
    float[] out = new float[Math.multiplyExact(pictures.size(), each)];
    for (int from = 0; from < pictures.size(); from += rows) {
      int first = from;
      int last = pictures.size() - 1;
      List<Image> part =
          java.util.stream.IntStream.range(0, rows)
              .mapToObj(i -> pictures.get(Math.min(last, first + i)))
              .toList();
      float[] values = network.apply(part);
      int count = Math.min(rows, pictures.size() - from);
      System.arraycopy(values, 0, out, from * each, count * each);
    }
    return out;
  }
}
