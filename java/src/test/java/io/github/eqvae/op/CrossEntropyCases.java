package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.gamma;

import io.github.eqvae.op.In.Layout;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.testing.TorchOracle.Function;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** Cases of {@link SoftmaxCrossEntropy}: rows that count and rows that do not. */
final class CrossEntropyCases {
  private static final long NO_REDUCTION = 0; // at::Reduction::None
  private static final long IGNORED = -1;

  private CrossEntropyCases() {}

  static void addTo(CaseSink sink) {
    List<In> logits =
        List.of(
            In.of(3, 5),
            In.of(1, 3),
            In.of(2, 1),
            In.of(4),
            In.of(2, 3, 7),
            In.of(5, 6).with(Layout.NARROWED),
            In.of(3, 4).with(Layout.PERMUTED),
            In.of(4, 515));
    for (In x : logits) {
      for (double smoothing : new double[] {0, 0.1}) {
        SoftmaxCrossEntropy op = new SoftmaxCrossEntropy(smoothing);
        long[] rows =
            Arrays.copyOf(x.shape().extents(), x.shape().rank() - 1); // one label for each
        In labels = labels((int) x.shape().dim(-1), rows);
        String name = op + " of " + x.shape() + (x.layout() == Layout.DENSE ? "" : x.layout());
        sink.add(name, op, oracle(op), bound(op), x, labels);
        sink.add(name + " weighted", op, oracle(op), bound(op), x, labels, In.constant(rows));
      }
    }
    SoftmaxCrossEntropy op = new SoftmaxCrossEntropy(0.1);
    In far = In.of(3, 9).with(In.uniform(-60, 60)); // most of them vanish
    sink.add(op + " of far logits", op, oracle(op), bound(op), far, labels(9, 3));
  }

  /** Every third row is ignored, but never the first. */
  private static In labels(int classes, long... rows) {
    In.Values values =
        (random, count) -> {
          double[] out = new double[count];
          for (int i = 0; i < count; i++) {
            out[i] = i % 3 == 2 ? -1 - random.nextInt(100) : random.nextInt(classes);
          }
          return out;
        };
    return In.constant(rows).with(values).as(DType.I32);
  }

  private static Function oracle(SoftmaxCrossEntropy op) {
    return in -> {
      long[] rows = in[1].sizes().vec().get();
      Tensor loss =
          torch
              .cross_entropy_loss(
                  in[0].reshape(-1, in[0].size(-1)),
                  in[1].to(torch.ScalarType.Long).reshape(-1).clamp_min(new Scalar(IGNORED)),
                  new TensorOptional(),
                  NO_REDUCTION,
                  IGNORED,
                  (float) op.smoothing())
              .reshape(rows);
      return in.length > 2 ? loss.mul(in[2]) : loss;
    };
  }

  /** docs/numerics.md, "softmax_cross_entropy". */
  private static ErrorBound bound(SoftmaxCrossEntropy op) {
    return (c, sample, exact, ref) -> {
      double[] x = sample.inputs()[0];
      double[] labels = sample.inputs()[1];
      int classes = x.length / labels.length;
      double s = (float) op.smoothing();
      double[] y = new double[labels.length];
      double[] dx = new double[x.length];
      for (int r = 0; r < labels.length; r++) {
        if (labels[r] < 0) {
          continue; // exactly 0
        }
        double[] row = Arrays.copyOfRange(x, r * classes, (r + 1) * classes);
        double most = Arrays.stream(row).max().orElseThrow();
        double least = Arrays.stream(row).min().orElseThrow();
        double lse = most + Math.log(Arrays.stream(row).map(v -> Math.exp(v - most)).sum());
        double level = gamma(8) + gamma(1) * (most - least);
        double w = sample.inputs().length > 2 ? Math.abs(sample.inputs()[2][r]) : 1;
        y[r] = w * level + gamma(2) * Math.abs(exact.y()[r]);
        double factor = w * Math.abs(sample.seed()[r]);
        for (int j = 0; j < classes; j++) {
          double p = Math.exp(row[j] - lse);
          double share = (j == labels[r] ? 1 - s : 0) + s / classes;
          double off = level + gamma(8) + gamma(1) * (Math.abs(lse) + Math.abs(row[j] - lse));
          dx[r * classes + j] = factor * (off * p + gamma(4) * (p + share));
        }
      }
      double[][] gradients = new double[sample.inputs().length][];
      gradients[0] = dx;
      return new ErrorBound.Bounds(y, gradients);
    };
  }
}
