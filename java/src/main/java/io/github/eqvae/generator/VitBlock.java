package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.GatedAdd;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A block of a vision transformer: attention and an MLP, each after a layer norm. DINOv2's has a
 * scale per channel before the residual addition (LayerScale), which is frozen; the plain block has
 * none. Sources: {@code Block} of facebookresearch/dinov2, {@code Block} of timm.
 */
final class VitBlock {
  private final int heads;
  private final LayerNorm norm1;
  private final Linear qkv;
  private final Linear proj;
  private final @Nullable Parameter scale1;
  private final LayerNorm norm2;
  private final Linear fc1;
  private final Linear fc2;
  private final @Nullable Parameter scale2;

  /** DINOv2's block. */
  VitBlock(Scope scope, VitConfig config) {
    this(scope, config.width(), config.heads(), config.hidden(), true);
  }

  private VitBlock(Scope scope, int width, int heads, int hidden, boolean scaled) {
    this.heads = heads;
    norm1 = LayerNorm.affine(scope.in("norm1"), width, Layers.EPS);
    qkv = Layers.linear(scope.in("attn.qkv"), width, 3 * width);
    proj = Layers.linear(scope.in("attn.proj"), width, width);
    scale1 = scaled ? scope.in("ls1").parameter("gamma", Init.ONES, width) : null;
    norm2 = LayerNorm.affine(scope.in("norm2"), width, Layers.EPS);
    fc1 = Layers.linear(scope.in("mlp.fc1"), width, hidden, Activation.GELU);
    fc2 = Layers.linear(scope.in("mlp.fc2"), hidden, width);
    scale2 = scaled ? scope.in("ls2").parameter("gamma", Init.ONES, width) : null;
  }

  /** The block without scales. */
  static VitBlock plain(Scope scope, int width, int heads, int hidden) {
    return new VitBlock(scope, width, heads, hidden, false);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, T, D]
    Tensor h = qkv.forward(tape, norm1.forward(tape, x)); // [N, T, 3·D]
    x = add(tape, x, scale1, proj.forward(tape, tape.apply(new SelfAttention(heads), h)));
    return add(tape, x, scale2, fc2.forward(tape, fc1.forward(tape, norm2.forward(tape, x))));
  }

  /** x + scale·branch. The scale is a gate that all samples share, so they are rows of one. */
  private static Tensor add(Tape tape, Tensor x, @Nullable Parameter scale, Tensor branch) {
    if (scale == null) {
      return tape.apply(new Add(), x, branch);
    }
    long width = x.shape().dim(-1);
    Shape rows = Shape.of(1, x.shape().elements() / width, width);
    Tensor gate = Layers.cast(tape, scale.value().reshape(Shape.of(1, width)), x.dtype());
    Tensor sum =
        tape.apply(
            new GatedAdd(),
            tape.apply(new Reshape(rows), x),
            gate,
            tape.apply(new Reshape(rows), branch));
    return tape.apply(new Reshape(x.shape()), sum);
  }
}
