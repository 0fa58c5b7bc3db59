package io.github.eqvae.generator;

import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Projects tokens to a foundation model's features. Source: {@code build_mlp} of sihyun-yu/REPA.
 */
final class Projector {
  private final Linear first;
  private final Linear second;
  private final Linear third;

  Projector(Scope scope, int width, int hidden, int features) {
    first = Layers.linear(scope.in("0"), width, hidden, Activation.SILU);
    second = Layers.linear(scope.in("2"), hidden, hidden, Activation.SILU);
    third = Layers.linear(scope.in("4"), hidden, features);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, T, D]
    return third.forward(tape, second.forward(tape, first.forward(tape, x))); // [N, T, features]
  }
}
