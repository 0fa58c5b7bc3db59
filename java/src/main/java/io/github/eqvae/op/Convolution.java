package io.github.eqvae.op;

import org.jspecify.annotations.Nullable;

/**
 * A convolution of an image that can also compute the statistics of the group norm after it; they
 * are then a second output. They get no gradient, because the norm's backward pass computes the
 * complete gradient of its input.
 */
public sealed interface Convolution extends Op permits Conv2d, UpsampleConv2d {
  /**
   * The statistics that are computed beside the result.
   *
   * @return null if nothing is
   */
  @Nullable GroupStatistics statistics();

  /**
   * The same convolution, followed by a group norm.
   *
   * @param statistics the statistics that the norm needs; null for none
   * @return a convolution with two outputs, or one for null
   */
  Convolution with(@Nullable GroupStatistics statistics);

  @Override
  default boolean isDifferentiable(int output) {
    return output == 0;
  }
}
