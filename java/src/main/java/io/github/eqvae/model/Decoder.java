package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Upsample2x;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Latent to image. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py},
 * Decoder.
 */
final class Decoder {
  /**
   * One resolution: residual blocks, attention where configured, a doubling unless it is the first.
   */
  private record Level(
      List<ResnetBlock> blocks, List<AttnBlock> attentions, @Nullable Conv2d upsample) {}

  private final Conv2d convIn;
  private final MidBlock mid;
  private final List<Level> levels = new ArrayList<>();
  private final GroupNorm normOut;
  private final Conv2d convOut;

  Decoder(Scope s, AutoencoderConfig c) {
    int width = c.deepestChannels();
    convIn = new Conv2d(s.in("conv_in"), c.zChannels(), width, 3, Ops.SAME_3X3);
    mid = new MidBlock(s.in("mid"), width, c.normGroups(), c.midBlockAddAttention());
    for (int i = c.chMult().size() - 1; i >= 0; i--) {
      Scope level = s.in("up", i);
      List<ResnetBlock> blocks = new ArrayList<>();
      List<AttnBlock> attentions = new ArrayList<>();
      for (int j = 0; j <= c.numResBlocks(); j++) {
        blocks.add(new ResnetBlock(level.in("block", j), width, c.channels(i), c.normGroups()));
        width = c.channels(i);
        if (c.hasAttention(i)) {
          attentions.add(new AttnBlock(level.in("attn", j), width, c.normGroups()));
        }
      }
      Conv2d upsample =
          i == 0 ? null : new Conv2d(level.in("upsample.conv"), width, width, 3, Ops.SAME_3X3);
      levels.add(new Level(blocks, attentions, upsample));
    }
    normOut = new GroupNorm(s.in("norm_out"), width, Ops.normSilu(c.normGroups()));
    convOut = new Conv2d(s.in("conv_out"), width, c.outChannels(), 3, Ops.SAME_3X3);
  }

  /** The weight whose gradients balance reconstruction and adversarial loss. */
  Parameter lastLayer() {
    return convOut.weight();
  }

  Tensor forward(Tape tape, Tensor z) { // [N, h, w, z_channels]
    Tensor h = mid.forward(tape, convIn.forward(tape, z)); // [N, h, w, ch·mult_last]
    for (Level level : levels) {
      for (int j = 0; j < level.blocks().size(); j++) {
        h = level.blocks().get(j).forward(tape, h);
        if (!level.attentions().isEmpty()) {
          h = level.attentions().get(j).forward(tape, h);
        }
      }
      Conv2d upsample = level.upsample();
      if (upsample != null) {
        h = tape.block((t, x) -> upsample.forward(t, t.apply(new Upsample2x(), x)), h);
      }
    }
    return convOut.forward(tape, normOut.forward(tape, h)); // [N, H, W, out_channels]
  }
}
