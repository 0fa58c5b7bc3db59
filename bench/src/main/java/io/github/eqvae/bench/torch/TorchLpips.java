package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.conv;
import static io.github.eqvae.bench.torch.Layers.scalar;

import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * LPIPS over VGG16 in libtorch, NCHW. Source: richzhang/PerceptualSimilarity {@code
 * lpips/lpips.py}.
 */
public final class TorchLpips {
  private static final int[][] STAGES = {{0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};

  private final TorchParameters p;

  /**
   * A network over given parameters.
   *
   * @param parameters by torchvision's names
   */
  public TorchLpips(TorchParameters parameters) {
    this.p = parameters;
  }

  private static Tensor row(Tensor like, double... values) {
    return Tensor.create(values, 1, 3, 1, 1).to(like.scalar_type());
  }

  private Tensor[] features(Tensor x) {
    Tensor h = x.sub(row(x, -.030, -.088, -.188)).div(row(x, .458, .448, .450));
    Tensor[] taps = new Tensor[STAGES.length];
    for (int i = 0; i < STAGES.length; i++) {
      if (i > 0) {
        h = torch.max_pool2d(h, 2, 2);
      }
      for (int index : STAGES[i]) {
        h = torch.relu(conv(p, "net.features." + index, h, 1, 1));
      }
      taps[i] = h;
    }
    return taps;
  }

  /** Channels of a level. */
  long width(int level) {
    return p.get("lin" + level + ".model.1.weight").size(1);
  }

  private static Tensor unit(Tensor f) {
    Tensor norm = f.square().sum(new long[] {1}, true, new ScalarTypeOptional()).sqrt();
    return f.div(norm.add(scalar(1e-10)));
  }

  /** {@code [N]}, without dropout. */
  Tensor distance(Tensor target, Tensor image) {
    return distance(target, image, level -> null);
  }

  /** {@code [N]}; masks of dropout before the heads, null for none. */
  Tensor distance(Tensor target, Tensor image, java.util.function.IntFunction<Tensor> masks) {
    Tensor[] a = features(target);
    Tensor[] b = features(image);
    Tensor sum = null;
    for (int i = 0; i < a.length; i++) {
      Tensor d = unit(a[i]).sub(unit(b[i])).square();
      Tensor mask = masks.apply(i);
      d = mask == null ? d : d.mul(mask);
      Tensor level = torch.conv2d(d, p.get("lin" + i + ".model.1.weight")).mean(2, 3).reshape(-1);
      sum = sum == null ? level : sum.add(level);
    }
    return java.util.Objects.requireNonNull(sum);
  }
}
