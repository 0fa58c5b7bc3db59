package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Two convolutions with a shortcut: x + conv2(silu(norm2(conv1(silu(norm1(x)))))), the shortcut is
 * a 1×1 convolution if the width changes. Source: CompVis/latent-diffusion {@code
 * ldm/modules/diffusionmodules/model.py}.
 */
final class ResnetBlock {
  final GroupNorm norm1;
  final Conv2d conv1;
  final GroupNorm norm2;
  final Conv2d conv2;
  private final @Nullable Conv2d shortcut;

  /**
   * Declares the block.
   *
   * @param padding how its 3×3 convolutions pad their input
   */
  ResnetBlock(Scope s, int in, int out, int groups, PaddingMode padding) {
    norm1 = new GroupNorm(s.in("norm1"), in, Ops.normSilu(groups));
    conv1 = new Conv2d(s.in("conv1"), in, out, 3, Ops.SAME_3X3).bordered(padding);
    norm2 = new GroupNorm(s.in("norm2"), out, Ops.normSilu(groups));
    conv2 = new Conv2d(s.in("conv2"), out, out, 3, Ops.SAME_3X3).bordered(padding);
    shortcut = in == out ? null : new Conv2d(s.in("nin_shortcut"), in, out, 1, Ops.POINTWISE);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor h = tape.part((t, v) -> conv1.forward(t, norm1.forward(t, v)), x); // [N, H, W, out]
    Tensor skip = shortcut == null ? x : shortcut.forward(tape, x);
    return conv2.forward(tape, norm2.forward(tape, h), skip); // [N, H, W, out]
  }
}
