package io.github.eqvae.op;

import org.jspecify.annotations.Nullable;

/**
 * A convolution of an image, which can make the statistics of a group norm that follows it: then
 * they are a second output. No gradient flows into them, since the norm's backward pass gives the
 * whole one for its input.
 */
public sealed interface Convolution extends Op permits Conv2d, UpsampleConv2d {
  /**
   * What is made beside the result.
   *
   * @return null if nothing is
   */
  @Nullable GroupStatistics statistics();

  /**
   * The same convolution, followed by a group norm.
   *
   * @param statistics what the norm needs; null for nothing
   * @return a convolution with two outputs, or one for null
   */
  Convolution with(@Nullable GroupStatistics statistics);

  @Override
  default boolean isDifferentiable(int output) {
    return output == 0;
  }
}
