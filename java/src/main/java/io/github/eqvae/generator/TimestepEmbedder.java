package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.TimestepEmbedding;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/** Embeds times: 256 sines and cosines, then an MLP. */
final class TimestepEmbedder {
  static final TimestepEmbedding WAVES = new TimestepEmbedding(256, 10000);
  private static final Init NORMAL = new Init.Normal(0, 0.02);

  private final Linear first;
  private final Linear second;

  TimestepEmbedder(Scope scope, int width) {
    Scope mlp = scope.in("mlp");
    first = new Linear(mlp.in("0"), WAVES.width(), width, NORMAL, Init.ZEROS, Activation.SILU);
    second = new Linear(mlp.in("2"), width, width, NORMAL, Init.ZEROS, Activation.IDENTITY);
  }

  Tensor forward(Tape tape, Tensor t) { // [N]
    return second.forward(tape, first.forward(tape, tape.apply(WAVES, t))); // [N, D]
  }
}
