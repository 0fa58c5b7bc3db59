package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tape.Block;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Image to moments. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py},
 * Encoder.
 */
final class Encoder {
  final Conv2d convIn;
  final List<DownBlock> down = new ArrayList<>();
  final MidBlock mid;
  final GroupNorm normOut;
  final Conv2d convOut;

  Encoder(Scope s, AutoencoderConfig c, int outChannels) {
    convIn =
        new Conv2d(s.in("conv_in"), c.inChannels(), c.ch(), 3, Ops.SAME_3X3).bordered(c.padding());
    int width = c.ch();
    for (int i = 0; i < c.chMult().size(); i++) {
      down.add(new DownBlock(s.in("down", i), c, i, width));
      width = c.channels(i);
    }
    mid = new MidBlock(s.in("mid"), width, c.normGroups(), c.midBlockAddAttention(), c.padding());
    normOut = new GroupNorm(s.in("norm_out"), width, Ops.normSilu(c.normGroups()));
    convOut =
        new Conv2d(s.in("conv_out"), width, outChannels, 3, Ops.SAME_3X3).bordered(c.padding());
    NormFusion.link(this);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in_channels]
    Tensor h = x;
    for (int i = 0; i < down.size(); i++) {
      h = level(tape, i, h); // [N, H/2^i, W/2^i, ch·mult_i]
    }
    return out(tape, mid.forward(tape, h)); // [N, H/f, W/f, out]
  }

  /** A level; the first one gets the image. */
  Tensor level(Tape tape, int i, Tensor x) {
    Block before = i == 0 ? convIn::forward : (t, v) -> v;
    return tape.part((t, v) -> down.get(i).forward(t, before, v), x);
  }

  Tensor out(Tape tape, Tensor x) { // [N, H/f, W/f, ch·mult_last]
    return tape.part((t, v) -> convOut.forward(t, normOut.forward(t, v)), x); // [N, H/f, W/f, out]
  }
}
