package io.github.eqvae.nn;

import io.github.eqvae.op.Activation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * A fully connected layer: {@code weight [O,I]}, {@code bias [O]}. PyTorch: {@code nn.Linear}, with
 * the same initialisation.
 */
public final class Linear {
  private final io.github.eqvae.op.Linear op;
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
    this(scope, in, out, Init.torchDefault(in), Init.torchDefault(in), Activation.IDENTITY);
  }

  /**
   * Declares the layer with another initialisation, and with an activation after it.
   *
   * @param scope where its parameters go
   * @param in input features
   * @param out output features
   * @param weights how the weight starts
   * @param biases how the bias starts
   * @param activation applied to the result, in the same pass if the device can do it
   */
  public Linear(Scope scope, int in, int out, Init weights, Init biases, Activation activation) {
    op = new io.github.eqvae.op.Linear(activation);
    weight = scope.weight(op, "weight", weights, out, in);
    bias = scope.parameter("bias", biases, out);
  }

  /**
   * Runs the layer.
   *
   * @param tape the tape
   * @param x {@code [...,I]}
   * @return {@code [...,O]}
   */
  public Tensor forward(Tape tape, Tensor x) {
    return tape.apply(op, x, weight.on(tape), bias.on(tape));
  }
}
