package io.github.eqvae.bench;

import java.util.List;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongArrayRefOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Whether libtorch's input gradients of convolutions are right on this machine. With libtorch 2.10
 * and oneDNN 3.7.1 on a Zen 5 processor they were wrong, and sometimes NaN, in single precision and
 * the default memory format, if the number of channels is not a multiple of 16: they depend on the
 * former content of memory. With channels_last and in double precision they are right.
 */
final class TorchGradients {
  private static final long[] ONE = {1, 1};
  private static final long[] ZERO = {0, 0};

  /** Samples, channels in and out, side. */
  private static final List<long[]> SHAPES =
      List.of(new long[] {2, 8, 12, 7}, new long[] {2, 8, 12, 8}, new long[] {4, 20, 20, 9});

  private TorchGradients() {}

  static boolean hold() {
    try (PointerScope scope = new PointerScope()) {
      torch.manual_seed(0);
      return SHAPES.stream().allMatch(TorchGradients::hold);
    }
  }

  private static boolean hold(long[] s) {
    Tensor x = torch.randn(s[0], s[1], s[3], s[3]);
    Tensor dy = torch.randn(s[0], s[2], s[3], s[3]);
    Tensor weight = torch.randn(s[2], s[1], 3, 3);
    torch.ScalarType wide = torch.ScalarType.Double;
    Tensor right = gradient(dy.to(wide), x.to(wide), weight.to(wide));
    for (int i = 1; i <= 3; i++) {
      // Fills the memory that the next results will get with other numbers.
      torch.full(new long[] {s[0] * 32 * s[3] * s[3]}, new Scalar(100.0 * i)).close();
      Tensor off = gradient(dy, x, weight).to(wide).sub(right).abs().max();
      if (!(off.item_double() < 1e-3)) {
        return false;
      }
    }
    return true;
  }

  private static Tensor gradient(Tensor dy, Tensor x, Tensor weight) {
    BoolPointer inputOnly = new BoolPointer(3);
    inputOnly.put(0, true);
    inputOnly.put(1, false);
    inputOnly.put(2, false);
    return torch
        .convolution_backward(
            dy, x, weight, new LongArrayRefOptional(), ONE, ONE, ONE, false, ZERO, 1, inputOnly)
        .get0();
  }
}
