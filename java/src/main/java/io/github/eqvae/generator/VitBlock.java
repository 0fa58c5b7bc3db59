package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * A block of a vision transformer: attention and an MLP, each after a layer norm, with a scale per
 * channel before the residual addition (LayerScale). Source: {@code Block} of
 * facebookresearch/dinov2.
 */
final class VitBlock {
  private final int heads;
  private final LayerNorm norm1;
  private final Linear qkv;
  private final Linear proj;
  private final Parameter scale1;
  private final LayerNorm norm2;
  private final Linear fc1;
  private final Linear fc2;
  private final Parameter scale2;

  VitBlock(Scope scope, VitConfig config) {
    int width = config.width();
    heads = config.heads();
    norm1 = LayerNorm.affine(scope.in("norm1"), width, Layers.EPS);
    qkv = Layers.linear(scope.in("attn.qkv"), width, 3 * width);
    proj = Layers.linear(scope.in("attn.proj"), width, width);
    scale1 = scope.in("ls1").parameter("gamma", Init.ONES, width);
    norm2 = LayerNorm.affine(scope.in("norm2"), width, Layers.EPS);
    fc1 = Layers.linear(scope.in("mlp.fc1"), width, config.hidden(), Activation.GELU);
    fc2 = Layers.linear(scope.in("mlp.fc2"), config.hidden(), width);
    scale2 = scope.in("ls2").parameter("gamma", Init.ONES, width);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, T, D]
    Tensor h = qkv.forward(tape, norm1.forward(tape, x)); // [N, T, 3·D]
    h = proj.forward(tape, tape.apply(new SelfAttention(heads), h));
    x = tape.apply(new Add(), x, tape.apply(new ChannelAffine(), h, scale1.value(), null));
    h = fc2.forward(tape, fc1.forward(tape, norm2.forward(tape, x)));
    return tape.apply(new Add(), x, tape.apply(new ChannelAffine(), h, scale2.value(), null));
  }
}
