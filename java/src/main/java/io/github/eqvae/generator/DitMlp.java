package io.github.eqvae.generator;

import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.GatedUnit;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/** The MLP of a block, with GELU or SwiGLU. */
final class DitMlp {
  private final boolean gated;
  private final Linear in;
  private final Linear out;

  DitMlp(Scope scope, DitConfig config) {
    gated = config.swiGlu();
    int hidden = config.hidden();
    in =
        gated
            ? Layers.linear(scope.in("w12"), config.width(), 2 * hidden)
            : Layers.linear(scope.in("fc1"), config.width(), hidden, Activation.GELU_TANH);
    out = Layers.linear(scope.in(gated ? "w3" : "fc2"), hidden, config.width());
  }

  Tensor forward(Tape tape, Tensor x) { // [N, T, D]
    Tensor h = in.forward(tape, x); // [N, T, 4·D]
    return out.forward(tape, gated ? tape.apply(new GatedUnit(), h) : h); // [N, T, D]
  }
}
