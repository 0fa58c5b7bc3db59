package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;

/**
 * The statistics of a group norm's input, computed by the operation before it: mean and 1/√(var +
 * eps) of every sample and group of channels, {@code [N, groups, 2]}.
 *
 * @param groups how many groups; divides the channels
 * @param eps added to the variance
 */
public record GroupStatistics(int groups, double eps) {
  /**
   * Shape and dtype of the statistics for an image of this shape; throws if the groups do not
   * divide its channels.
   */
  Spec of(Inputs in, Spec y) {
    in.require(
        groups >= 1 && y.shape().dim(3) % groups == 0,
        y.shape().dim(3) + " channels are not divisible into " + groups + " groups");
    return y.full(Shape.of(y.shape().dim(0), groups, 2));
  }
}
