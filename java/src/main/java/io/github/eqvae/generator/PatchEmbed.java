package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Permute;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Patches to tokens: a convolution whose stride is its kernel, as a product. The weight has the
 * convolution's shape {@code [D, C, p, p]}. Source: timm's {@code PatchEmbed}.
 */
final class PatchEmbed {
  private final DitConfig config;
  private final Parameter weight;
  private final Parameter bias;

  PatchEmbed(Scope scope, DitConfig config) {
    this.config = config;
    int p = config.patch();
    int in = config.channels() * p * p;
    Scope proj = scope.in("proj");
    Init init = Init.xavierUniform(in, config.width());
    weight = proj.parameter("weight", init, config.width(), config.channels(), p, p);
    bias = proj.parameter("bias", Init.ZEROS, config.width());
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, C]
    int p = config.patch();
    int c = config.channels();
    int n = x.shape().size(0);
    int side = config.side() / p;
    Tensor rows = Layers.reshape(tape, x, (long) n * side, p, side, p, c); // [N·h, p, w, p, C]
    Tensor patches = tape.apply(Permute.of(0, 2, 4, 1, 3), rows); // [N·h, w, C, p, p]
    long in = (long) c * p * p;
    return tape.apply(
        new Linear(),
        Layers.reshape(tape, patches, n, config.tokens(), in),
        Layers.reshape(tape, weight.on(tape), config.width(), in),
        bias.on(tape)); // [N, T, D]
  }
}
