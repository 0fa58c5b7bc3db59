package io.github.eqvae.generator;

import io.github.eqvae.io.Image;
import java.util.List;
import java.util.function.Function;

/**
 * Runs a network on pictures, always as many at once, however many there are: the number of rows
 * may choose how products are computed, and with it the last bits. What is missing is filled up
 * with the last picture.
 */
final class FixedRows {
  private FixedRows() {}

  /**
   * Runs it.
   *
   * @param pictures any number
   * @param rows at once
   * @param each numbers that a picture becomes
   * @param network gives {@code rows · each} numbers of so many pictures
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
