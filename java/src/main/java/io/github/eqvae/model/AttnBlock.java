package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Attention;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Self-attention over all pixels, one head, with a shortcut. The projections are 1×1 convolutions,
 * as on disk. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py}.
 */
final class AttnBlock {
  final GroupNorm norm;
  private final Conv2d q;
  private final Conv2d k;
  private final Conv2d v;
  final Conv2d projOut;

  AttnBlock(Scope s, int channels, int groups) {
    norm = new GroupNorm(s.in("norm"), channels, Ops.norm(groups));
    q = new Conv2d(s.in("q"), channels, channels, 1, Ops.POINTWISE);
    k = new Conv2d(s.in("k"), channels, channels, 1, Ops.POINTWISE);
    v = new Conv2d(s.in("v"), channels, channels, 1, Ops.POINTWISE);
    projOut = new Conv2d(s.in("proj_out"), channels, channels, 1, Ops.POINTWISE);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, C]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Shape image = x.shape();
    Tensor h = norm.forward(tape, x);
    Tensor o =
        tape.apply(
            new Attention(1),
            tokens(tape, q.forward(tape, h)), // [N, H·W, C]
            tokens(tape, k.forward(tape, h)),
            tokens(tape, v.forward(tape, h)));
    return projOut.forward(tape, tape.apply(new Reshape(image), o), x); // [N, H, W, C]
  }

  private static Tensor tokens(Tape tape, Tensor x) {
    Shape s = x.shape();
    return tape.apply(new Reshape(Shape.of(s.dim(0), s.dim(1) * s.dim(2), s.dim(3))), x);
  }
}
