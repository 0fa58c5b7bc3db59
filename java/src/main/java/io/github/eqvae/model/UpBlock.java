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
 * One resolution of the decoder: residual blocks, one more than in the encoder, each followed by
 * attention if configured, and upsampling with a convolution, except at the highest resolution.
 * diffusers: {@code UpDecoderBlock2D}.
 */
final class UpBlock {
  final List<ResnetBlock> blocks = new ArrayList<>();
  final List<AttnBlock> attentions = new ArrayList<>();
  final @Nullable Conv2d upsample;

  UpBlock(Scope s, AutoencoderConfig c, int level, int in) {
    int out = c.channels(level);
    for (int j = 0; j <= c.numResBlocks(); j++) {
      int width = j == 0 ? in : out;
      blocks.add(new ResnetBlock(s.in("block", j), width, out, c.normGroups(), c.padding()));
      if (c.hasAttention(level)) {
        attentions.add(new AttnBlock(s.in("attn", j), out, c.normGroups()));
      }
    }
    upsample =
        level == 0
            ? null
            : new Conv2d(s.in("upsample.conv"), out, out, 3, Ops.DOUBLE).bordered(c.padding());
  }

  /**
   * Runs the blocks.
   *
   * @param before is run on {@code x} first
   */
  Tensor blocks(Tape tape, Block before, Tensor x) { // [N, h, w, in] after before
    Tensor h = x;
    for (int j = 0; j < blocks.size(); j++) {
      int at = j;
      h = tape.block((t, v) -> run(t, at, at == 0 ? before.apply(t, v) : v), h);
    }
    return h; // [N, h, w, out]
  }

  /** What is run again as a whole: the large tensors on either side need not be kept. */
  private Tensor run(Tape tape, int j, Tensor x) {
    Tensor h = blocks.get(j).forward(tape, x);
    return attentions.isEmpty() ? h : attentions.get(j).forward(tape, h);
  }

  Tensor upsample(Tape tape, Tensor x) { // [N, h, w, out]
    return upsample == null ? x : upsample.forward(tape, x); // [N, 2h, 2w, out]
  }
}
