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
  private final ResnetBlock block1;
  private final @Nullable AttnBlock attn;
  private final ResnetBlock block2;

  MidBlock(Scope s, int channels, int groups, boolean attention, PaddingMode padding) {
    block1 = new ResnetBlock(s.in("block_1"), channels, channels, groups, true, padding);
    attn = attention ? new AttnBlock(s.in("attn_1"), channels, groups, true) : null;
    block2 = new ResnetBlock(s.in("block_2"), channels, channels, groups, true, padding);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, h, w, C]
    Tensor h = block1.forward(tape, x);
    return block2.forward(tape, attn == null ? h : attn.forward(tape, h));
  }
}
