package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Permute;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Patches to tokens: a convolution whose stride equals its kernel, computed as a matrix product.
 * The weight has the convolution's shape {@code [D, C, p, p]}. Source: timm's {@code PatchEmbed}.
 */
final class PatchEmbed {
  private final int patch;
  private final Parameter weight;
  private final Parameter bias;

  PatchEmbed(Scope scope, int channels, int patch, int width) {
    this.patch = patch;
    Scope proj = scope.in("proj");
    Init init = Init.xavierUniform(channels * patch * patch, width);
    weight = proj.parameter("weight", init, width, channels, patch, patch);
    bias = proj.parameter("bias", Init.ZEROS, width);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, C]
    int p = patch;
    int c = x.shape().size(3);
    int n = x.shape().size(0);
    int h = x.shape().size(1) / p;
    int w = x.shape().size(2) / p;
    Tensor rows = Layers.reshape(tape, x, (long) n * h, p, w, p, c); // [N·h, p, w, p, C]
    Tensor patches = tape.apply(Permute.of(0, 2, 4, 1, 3), rows); // [N·h, w, C, p, p]
    long in = (long) c * p * p;
    return tape.apply(
        new Linear(),
        Layers.reshape(tape, patches, n, (long) h * w, in),
        Layers.reshape(tape, weight.on(tape), weight.shape().dim(0), in),
        bias.on(tape)); // [N, T, D]
  }
}
