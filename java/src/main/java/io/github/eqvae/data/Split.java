package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A data set in two parts that share no picture.
 *
 * @param train what is trained on
 * @param validation what is held out
 */
public record Split(ImageDataset train, ImageDataset validation) {
  /** An epoch number that training never reaches: the split must not be the order of some epoch. */
  private static final long SPLIT = -1;

  /**
   * Holds out pictures drawn at random. Both parts keep the data set's order.
   *
   * @param whole the data set
   * @param count how many to hold out, at least 1 and fewer than there are
   * @param seed decides which; the same seed and size always hold out the same
   * @return the parts
   * @throws EqvaeException.Argument if the count is out of range
   */
  public static Split random(ImageDataset whole, int count, long seed) {
    int[] order = EpochOrder.permutation(seed, SPLIT, whole.size());
    return parts(whole, count, order);
  }

  /**
   * Which pictures {@link #random} holds out.
   *
   * @param size how many there are
   * @param count how many are held out
   * @param seed decides which
   * @return their numbers, ascending
   */
  public static int[] heldOut(int size, int count, long seed) {
    int[] order = EpochOrder.permutation(seed, SPLIT, size);
    int[] held = Arrays.copyOfRange(order, size - count, size);
    Arrays.sort(held);
    return held;
  }

  /**
   * Holds out the last pictures.
   *
   * @param whole the data set
   * @param count how many to hold out, at least 1 and fewer than there are
   * @return the parts
   * @throws EqvaeException.Argument if the count is out of range
   */
  public static Split last(ImageDataset whole, int count) {
    return parts(whole, count, IntStream.range(0, whole.size()).toArray());
  }

  private static Split parts(ImageDataset whole, int count, int[] order) {
    if (count < 1 || count >= whole.size()) {
      throw new EqvaeException.Argument(
          "holding out "
              + count
              + " of "
              + whole.size()
              + " pictures; expected at least 1 and fewer than all");
    }
    int[] train = Arrays.copyOf(order, order.length - count);
    int[] validation = Arrays.copyOfRange(order, order.length - count, order.length);
    Arrays.sort(train);
    Arrays.sort(validation);
    return new Split(whole.subset(train), whole.subset(validation));
  }
}
