package io.github.eqvae.bench.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** Layers that look up their parameters by name. */
final class Layers {
  private Layers() {}

  static Scalar scalar(double value) {
    return new Scalar(value);
  }

  static Tensor conv(TorchParameters p, String name, Tensor x, int stride, int padding) {
    return torch.conv2d(
        x,
        p.get(name + ".weight"),
        p.optional(name + ".bias"),
        new long[] {stride, stride},
        new long[] {padding, padding},
        new long[] {1, 1},
        1);
  }

  static Tensor groupNorm(TorchParameters p, String name, Tensor x, int groups) {
    return torch.group_norm(
        x,
        groups,
        new TensorOptional(p.get(name + ".weight")),
        new TensorOptional(p.get(name + ".bias")),
        1e-6,
        false);
  }

  static Tensor normSilu(TorchParameters p, String name, Tensor x, int groups) {
    return torch.silu(groupNorm(p, name, x, groups));
  }
}
