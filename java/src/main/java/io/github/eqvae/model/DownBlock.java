package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tape.Block;
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

  /**
   * Runs the level.
   *
   * @param before is run on {@code x} first
   */
  Tensor forward(Tape tape, Block before, Tensor x) { // [N, H, W, in] after before
    Tensor h = x;
    for (int j = 0; j < blocks.size(); j++) {
      int at = j;
      h = tape.block((t, v) -> run(t, at, at == 0 ? before.apply(t, v) : v), h);
    }
    return h; // [N, H/2, W/2, out], [N, H, W, out] if it is the lowest resolution
  }

  /** What is run again as a whole: the large tensors on either side need not be kept. */
  private Tensor run(Tape tape, int j, Tensor x) {
    Tensor h = blocks.get(j).forward(tape, x);
    h = attentions.isEmpty() ? h : attentions.get(j).forward(tape, h);
    return j < blocks.size() - 1 || downsample == null ? h : downsample.forward(tape, h);
  }
}
