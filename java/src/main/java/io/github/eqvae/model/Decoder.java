package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tape.Block;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Latent to image. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py},
 * Decoder.
 */
final class Decoder {
  final Conv2d convIn;
  final MidBlock mid;

  /** From the lowest resolution to the highest. */
  final List<UpBlock> up = new ArrayList<>();

  final GroupNorm normOut;
  final Conv2d convOut;

  Decoder(Scope s, AutoencoderConfig c) {
    int width = c.deepestChannels();
    convIn =
        new Conv2d(s.in("conv_in"), c.zChannels(), width, 3, Ops.SAME_3X3).bordered(c.padding());
    mid = new MidBlock(s.in("mid"), width, c.normGroups(), c.midBlockAddAttention(), c.padding());
    for (int i = c.chMult().size() - 1; i >= 0; i--) {
      up.add(new UpBlock(s.in("up", i), c, i, width));
      width = c.channels(i);
    }
    normOut = new GroupNorm(s.in("norm_out"), width, Ops.normSilu(c.normGroups()));
    convOut =
        new Conv2d(s.in("conv_out"), width, c.outChannels(), 3, Ops.SAME_3X3).bordered(c.padding());
    NormFusion.link(this);
  }

  /** The weight whose gradients balance reconstruction and adversarial loss. */
  Parameter lastLayer() {
    return convOut.weight();
  }

  Tensor forward(Tape tape, Tensor z) { // [N, h, w, z_channels]
    Tensor h = convIn.forward(tape, z); // [N, h, w, ch·mult_last]
    h = mid.forward(tape, h);
    for (int i = 0; i < up.size(); i++) {
      h = level(tape, i, h); // doubled but for the first: up to [N, H, W, ch·mult_0]
    }
    return out(tape, h); // [N, H, W, out_channels]
  }

  /** The upsampling after the level before, and the blocks of this level. */
  Tensor level(Tape tape, int i, Tensor x) {
    Block before = i == 0 ? (t, v) -> v : (t, v) -> up.get(i - 1).upsample(t, v);
    return tape.part((t, v) -> up.get(i).blocks(t, before, v), x);
  }

  Tensor out(Tape tape, Tensor x) { // [N, H, W, ch·mult_0]
    return tape.part((t, v) -> convOut.forward(t, normOut.forward(t, v)), x);
  }
}
