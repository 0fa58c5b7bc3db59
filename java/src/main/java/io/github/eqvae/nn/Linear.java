package io.github.eqvae.nn;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * A fully connected layer: {@code weight [O,I]}, {@code bias [O]}. PyTorch: {@code nn.Linear}, same
 * start values.
 */
public final class Linear {
  private final Parameter weight;
  private final Parameter bias;

  /**
   * Declares the layer.
   *
   * @param scope where its parameters go
   * @param in input features
   * @param out output features
   */
  public Linear(Scope scope, int in, int out) {
    weight = scope.parameter("weight", Init.torchDefault(in), out, in);
    bias = scope.parameter("bias", Init.torchDefault(in), out);
  }

  /**
   * Runs the layer.
   *
   * @param tape the tape
   * @param x {@code [...,I]}
   * @return {@code [...,O]}
   */
  public Tensor forward(Tape tape, Tensor x) {
    return tape.apply(new io.github.eqvae.op.Linear(), x, weight.on(tape), bias.on(tape));
  }
}
