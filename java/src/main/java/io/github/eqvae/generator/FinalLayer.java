package io.github.eqvae.generator;

import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Permute;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;

/** Tokens to the output latent: a modulated norm, a linear layer, and unpatchify. */
final class FinalLayer {
  private final DitConfig config;
  private final LayerNorm norm;
  private final Linear linear;
  private final Linear modulation;

  FinalLayer(Scope scope, DitConfig config) {
    this.config = config;
    int width = config.width();
    norm = Layers.norm(scope.in("norm_final"), config);
    linear =
        Layers.zero(
            scope.in("linear"), width, config.patch() * config.patch() * config.outChannels());
    modulation = Layers.zero(scope.in("adaLN_modulation.1"), width, 2 * width);
  }

  Tensor forward(Tape tape, Tensor x, Tensor active, DType result) { // [N, T, D], [N, D]
    long n = x.shape().dim(0);
    Tensor m = Layers.reshape(tape, modulation.forward(tape, active), n, 2, config.width());
    Tensor h = linear.forward(tape, norm.forward(tape, x, m)); // [N, T, p·p·C]
    h = Layers.cast(tape, h, result);
    long p = config.patch();
    long c = config.outChannels();
    long side = config.side() / p;
    h = Layers.reshape(tape, h, n * side, side, p, p * c); // [N·h, w, p, p·C]
    h = tape.apply(Permute.of(0, 2, 1, 3), h); // [N·h, p, w, p·C]
    return Layers.reshape(tape, h, n, config.side(), config.side(), c); // [N, H, W, C]
  }
}
