package io.github.eqvae.generator;

import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Rope;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention of a block; one product computes queries, keys and values. Sources: timm's {@code
 * Attention}; LightningDiT's for norms of queries and keys and for rotary positions.
 */
final class DitAttention {
  private static final double LAYER_NORM_EPS = 1e-5; // PyTorch's default

  private final DitConfig config;
  private final Linear qkv;
  private final @Nullable LayerNorm queryNorm;
  private final @Nullable LayerNorm keyNorm;
  private final Linear proj;

  DitAttention(Scope scope, DitConfig config) {
    this.config = config;
    int width = config.width();
    qkv = Layers.linear(scope.in("qkv"), width, 3 * width);
    queryNorm = config.qkNorm() ? norm(scope.in("q_norm")) : null;
    keyNorm = config.qkNorm() ? norm(scope.in("k_norm")) : null;
    proj = Layers.linear(scope.in("proj"), width, width);
  }

  private LayerNorm norm(Scope scope) {
    int size = config.headSize();
    return config.rmsNorm()
        ? LayerNorm.rms(scope, size, Layers.EPS)
        : LayerNorm.affine(scope, size, LAYER_NORM_EPS);
  }

  Tensor forward(Tape tape, Tensor x, @Nullable RotaryTable rotary) { // [N, T, D]
    long n = x.shape().dim(0);
    long tokens = x.shape().dim(1);
    int heads = config.heads();
    Tensor h = qkv.forward(tape, x); // [N, T, 3·D]
    if (queryNorm != null || rotary != null) {
      h = Layers.reshape(tape, h, n, tokens, 3L * heads, config.headSize());
      if (queryNorm != null && keyNorm != null) {
        Tensor q = queryNorm.forward(tape, tape.apply(new Narrow(2, 0, heads), h));
        Tensor k = keyNorm.forward(tape, tape.apply(new Narrow(2, heads, heads), h));
        h = tape.apply(new Concat(2), q, k, tape.apply(new Narrow(2, 2L * heads, heads), h));
      }
      if (rotary != null) {
        h = tape.apply(new Rope(2 * heads), h, rotary.cos(), rotary.sin());
      }
      h = Layers.reshape(tape, h, n, tokens, 3L * config.width());
    }
    return proj.forward(tape, tape.apply(new SelfAttention(heads), h)); // [N, T, D]
  }
}
