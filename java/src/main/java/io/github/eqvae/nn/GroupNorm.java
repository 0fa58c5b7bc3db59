package io.github.eqvae.nn;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Group normalisation, optionally with SiLU: {@code weight [C]}, {@code bias [C]}. PyTorch: {@code
 * nn.GroupNorm}.
 */
public final class GroupNorm {
  private final io.github.eqvae.op.GroupNorm op;
  private final Parameter weight;
  private final Parameter bias;

  /**
   * Declares the layer.
   *
   * @param scope where its parameters go
   * @param channels channels
   * @param op groups, eps, SiLU
   */
  public GroupNorm(Scope scope, int channels, io.github.eqvae.op.GroupNorm op) {
    this.op = op;
    weight = scope.parameter("weight", Init.ONES, channels);
    bias = scope.parameter("bias", Init.ZEROS, channels);
  }

  /**
   * Runs the layer; x is read only once if the tape has its statistics.
   *
   * @param tape the tape
   * @param x {@code [N,H,W,C]}
   * @return the same shape
   */
  public Tensor forward(Tape tape, Tensor x) {
    if (SharedStatistics.CURRENT.isBound()) {
      return SharedStatistics.CURRENT.get().normalize(this, tape, x);
    }
    Tensor known = tape.statistics(x, op.statistics());
    return known == null
        ? tape.apply(op, x, weight.on(tape), bias.on(tape))
        : tape.apply(op, x, weight.on(tape), bias.on(tape), known);
  }

  io.github.eqvae.op.GroupNorm op() {
    return op;
  }

  Parameter weight() {
    return weight;
  }

  Parameter bias() {
    return bias;
  }
}
