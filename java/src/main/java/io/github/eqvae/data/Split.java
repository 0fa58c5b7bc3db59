package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A data set in two parts that share no picture.
 *
 * @param train the training set
 * @param validation the held-out set
 */
public record Split(ImageDataset train, ImageDataset validation) {
  /**
   * An epoch number that training never uses, so that the split does not depend on an epoch's
   * order.
   */
  private static final long SPLIT = -1;

  /**
   * Holds out pictures drawn at random. Both parts keep the data set's order.
   *
   * @param whole the data set
   * @param count pictures to hold out, at least 1 and fewer than all
   * @param seed of the random choice; the same seed and size always hold out the same pictures
   * @return the parts
   * @throws EqvaeException.Argument if the count is out of range
   */
  public static Split random(ImageDataset whole, int count, long seed) {
    int[] order = EpochOrder.permutation(seed, SPLIT, whole.size());
    return parts(whole, count, order);
  }

  /**
   * The pictures that {@link #random} holds out.
   *
   * @param size pictures in the data set
   * @param count pictures to hold out
   * @param seed of the random choice
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
   * @param count pictures to hold out, at least 1 and fewer than all
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
