package io.github.eqvae.generator;

import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.GatedAdd;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention and an MLP, each after a norm and before a gate. The condition gives the scale and
 * shift of the norm, and the gate (adaLN-Zero). Sources: {@code DiTBlock} of facebookresearch/DiT,
 * {@code LightningDiTBlock} of hustvl/LightningDiT.
 */
final class DitBlock {
  private final int width;
  private final int ofNorm; // parts that modulate a norm: shift and scale, or only scale
  private final LayerNorm norm1;
  private final DitAttention attention;
  private final LayerNorm norm2;
  private final DitMlp mlp;
  private final Linear modulation;

  DitBlock(Scope scope, DitConfig config) {
    width = config.width();
    ofNorm = config.shift() ? 2 : 1;
    norm1 = Layers.norm(scope.in("norm1"), config);
    attention = new DitAttention(scope.in("attn"), config);
    norm2 = Layers.norm(scope.in("norm2"), config);
    mlp = new DitMlp(scope.in("mlp"), config);
    modulation = Layers.zero(scope.in("adaLN_modulation.1"), width, 2 * (ofNorm + 1) * width);
  }

  /** {@code active} is silu of the condition, {@code [N, D]}, computed once for all blocks. */
  Tensor forward(Tape tape, Tensor x, Tensor active, @Nullable RotaryTable rotary) { // [N, T, D]
    return tape.block((t, h, a) -> run(t, h, a, rotary), x, active);
  }

  private Tensor run(Tape tape, Tensor x, Tensor active, @Nullable RotaryTable rotary) {
    int parts = ofNorm + 1;
    Tensor m = modulation.forward(tape, active); // [N, 6·D]
    m = Layers.reshape(tape, m, m.shape().dim(0), 2L * parts, width); // [N, 6, D]
    Tensor h = norm1.forward(tape, x, Layers.parts(tape, m, 0, ofNorm));
    h = attention.forward(tape, h, rotary);
    x = tape.apply(new GatedAdd(), x, Layers.part(tape, m, ofNorm), h);
    h = norm2.forward(tape, x, Layers.parts(tape, m, parts, ofNorm));
    h = mlp.forward(tape, h);
    return tape.apply(new GatedAdd(), x, Layers.part(tape, m, parts + ofNorm), h); // [N, T, D]
  }
}
