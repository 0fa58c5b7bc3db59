package io.github.eqvae.model;

import java.util.Map;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * pytorch-fid's Inception-v3 as calls of libtorch on a state dict; images are NCHW.
 *
 * @param state tensors by name
 * @param countPadding torchvision's means, which count padding as zeros
 * @param lastPoolsMean torchvision's last block, which pools by the mean
 */
record TorchInception(Map<String, Tensor> state, boolean countPadding, boolean lastPoolsMean) {
  /** pool3 of images in [0, 1]: {@code [N, 2048]}. */
  Tensor features(Tensor images) {
    Tensor x = torch.upsample_bilinear2d(images, new long[] {299, 299}, false);
    x = x.mul(new Scalar(2)).sub(new Scalar(1));
    x = conv("Conv2d_1a_3x3", x, 2, 0, 0);
    x = conv("Conv2d_2a_3x3", x, 1, 0, 0);
    x = max(conv("Conv2d_2b_3x3", x, 1, 1, 1), 2, 0);
    x = conv("Conv2d_3b_1x1", x, 1, 0, 0);
    x = max(conv("Conv2d_4a_3x3", x, 1, 0, 0), 2, 0);
    for (String name : new String[] {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) {
      x = a(name + ".", x);
    }
    x = b("Mixed_6a.", x);
    for (String name : new String[] {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) {
      x = c(name + ".", x);
    }
    x = d("Mixed_7a.", x);
    x = e("Mixed_7b.", x, true);
    x = e("Mixed_7c.", x, lastPoolsMean);
    return torch.adaptive_avg_pool2d(x, 1, 1).flatten(1, -1);
  }

  private Tensor a(String p, Tensor x) {
    Tensor dbl = same(p + "branch3x3dbl_2", same(p + "branch3x3dbl_1", x));
    return cat(
        same(p + "branch1x1", x),
        same(p + "branch5x5_2", same(p + "branch5x5_1", x)),
        same(p + "branch3x3dbl_3", dbl),
        same(p + "branch_pool", mean(x)));
  }

  private Tensor b(String p, Tensor x) {
    Tensor dbl = same(p + "branch3x3dbl_2", same(p + "branch3x3dbl_1", x));
    return cat(
        conv(p + "branch3x3", x, 2, 0, 0), conv(p + "branch3x3dbl_3", dbl, 2, 0, 0), max(x, 2, 0));
  }

  private Tensor c(String p, Tensor x) {
    Tensor single = x;
    for (int i = 1; i <= 3; i++) {
      single = same(p + "branch7x7_" + i, single);
    }
    Tensor dbl = x;
    for (int i = 1; i <= 5; i++) {
      dbl = same(p + "branch7x7dbl_" + i, dbl);
    }
    return cat(same(p + "branch1x1", x), single, dbl, same(p + "branch_pool", mean(x)));
  }

  private Tensor d(String p, Tensor x) {
    Tensor seven = x;
    for (int i = 1; i <= 3; i++) {
      seven = same(p + "branch7x7x3_" + i, seven);
    }
    return cat(
        conv(p + "branch3x3_2", same(p + "branch3x3_1", x), 2, 0, 0),
        conv(p + "branch7x7x3_4", seven, 2, 0, 0),
        max(x, 2, 0));
  }

  private Tensor e(String p, Tensor x, boolean poolsMean) {
    Tensor single = same(p + "branch3x3_1", x);
    Tensor dbl = same(p + "branch3x3dbl_2", same(p + "branch3x3dbl_1", x));
    return cat(
        same(p + "branch1x1", x),
        same(p + "branch3x3_2a", single),
        same(p + "branch3x3_2b", single),
        same(p + "branch3x3dbl_3a", dbl),
        same(p + "branch3x3dbl_3b", dbl),
        same(p + "branch_pool", poolsMean ? mean(x) : max(x, 1, 1)));
  }

  /** A convolution that keeps the size. */
  private Tensor same(String name, Tensor x) {
    Tensor w = tensor(name + ".conv.weight");
    return conv(name, x, 1, w.size(2) / 2, w.size(3) / 2);
  }

  private Tensor conv(String name, Tensor x, long stride, long padRows, long padColumns) {
    Tensor y =
        torch.conv2d(
            x,
            tensor(name + ".conv.weight"),
            new TensorOptional(),
            new long[] {stride, stride},
            new long[] {padRows, padColumns},
            new long[] {1, 1},
            1);
    y =
        torch.batch_norm(
            y,
            new TensorOptional(tensor(name + ".bn.weight")),
            new TensorOptional(tensor(name + ".bn.bias")),
            new TensorOptional(tensor(name + ".bn.running_mean")),
            new TensorOptional(tensor(name + ".bn.running_var")),
            false,
            0.1,
            1e-3,
            false);
    return torch.relu(y);
  }

  private Tensor tensor(String name) {
    Tensor t = state.get(name);
    if (t == null) {
      throw new AssertionError("no tensor is called " + name);
    }
    return t;
  }

  private static Tensor max(Tensor x, long stride, long padding) {
    long[] s = {stride, stride};
    return torch.max_pool2d(
        x, new long[] {3, 3}, s, new long[] {padding, padding}, new long[] {1, 1}, false);
  }

  private Tensor mean(Tensor x) {
    long[] one = {1, 1};
    return torch.avg_pool2d(
        x, new long[] {3, 3}, one, one, false, countPadding, new LongOptional());
  }

  private static Tensor cat(Tensor... parts) {
    return torch.cat(new TensorVector(parts), 1);
  }
}
