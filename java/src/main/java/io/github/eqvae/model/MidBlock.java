package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The deepest part of encoder and decoder: residual block, attention (optional), residual block.
 */
final class MidBlock {
  final ResnetBlock block1;
  final @Nullable AttnBlock attn;
  final ResnetBlock block2;

  MidBlock(Scope s, int channels, int groups, boolean attention, PaddingMode padding) {
    block1 = new ResnetBlock(s.in("block_1"), channels, channels, groups, padding);
    attn = attention ? new AttnBlock(s.in("attn_1"), channels, groups) : null;
    block2 = new ResnetBlock(s.in("block_2"), channels, channels, groups, padding);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, h, w, C]
    Tensor h = block1.forward(tape, x);
    return block2.forward(tape, attn == null ? h : attn.forward(tape, h));
  }
}
