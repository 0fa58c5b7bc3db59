package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One resolution of the encoder: residual blocks, each followed by attention if configured, and a
 * downsampling convolution, except at the lowest resolution. diffusers: {@code DownEncoderBlock2D}.
 */
final class DownBlock {
  final List<ResnetBlock> blocks = new ArrayList<>();
  final List<AttnBlock> attentions = new ArrayList<>();
  final @Nullable Conv2d downsample;

  DownBlock(Scope s, AutoencoderConfig c, int level, int in) {
    int out = c.channels(level);
    for (int j = 0; j < c.numResBlocks(); j++) {
      int width = j == 0 ? in : out;
      blocks.add(new ResnetBlock(s.in("block", j), width, out, c.normGroups(), c.padding()));
      if (c.hasAttention(level)) {
        attentions.add(new AttnBlock(s.in("attn", j), out, c.normGroups()));
      }
    }
    boolean lowest = level == c.chMult().size() - 1;
    downsample = lowest ? null : new Conv2d(s.in("downsample.conv"), out, out, 3, Ops.HALVE);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in]
    Tensor h = x;
    for (int j = 0; j < blocks.size(); j++) {
      h = blocks.get(j).forward(tape, h); // [N, H, W, out]
      if (!attentions.isEmpty()) {
        h = attentions.get(j).forward(tape, h);
      }
    }
    return downsample == null ? h : downsample.forward(tape, h); // [N, H/2, W/2, out]
  }
}
