package io.github.eqvae.op;

import io.github.eqvae.op.In.Layout;
import io.github.eqvae.testing.TorchOracle.Function;
import java.util.Arrays;
import java.util.List;

/** Cases of {@link GaussianVlb}: steps of a bound and first steps, variances said or not. */
final class VlbCases {
  /** a, b, c, d, log variance of q, least, most, whether it is the first step. */
  private static final double[][] STEPS = {
    {1.125, -0.5, 0.25, 0.5, -1, -1.25, -0.5, 0},
    {1.0625, -0.25, 1, 0, -0.5, -0.5, -0.25, 1},
    {0, 1, 0.5, 0.5, -0.5, -0.75, 0.25, 0},
    {1.0625, -0.25, 1, 0, -0.5, -0.5, -0.25, GaussianVlb.FIRST_STEP_IN_DOUBLE},
  };

  private VlbCases() {}

  /** With a variance that is said, and with one that is known: then its two ends are one. */
  private static In steps(long samples, boolean said) {
    double[] rows = new double[(int) samples * GaussianVlb.COLUMNS];
    for (int n = 0; n < samples; n++) {
      double[] row = STEPS[n % STEPS.length].clone();
      row[6] = said ? row[6] : row[5];
      System.arraycopy(row, 0, rows, n * row.length, row.length);
    }
    return In.constant(samples, GaussianVlb.COLUMNS).with(In.exactly(rows));
  }

  static void addTo(CaseSink sink) {
    List<In> shapes =
        List.of(
            In.of(3, 5, 3, 4),
            In.of(1, 3, 1),
            In.of(4, 7, 3),
            In.of(2, 3, 6).with(Layout.NARROWED),
            In.of(3, 5, 2).with(Layout.PERMUTED),
            In.of(2, 3, 5, 137));
    for (In shape : shapes) {
      In said = shape.with(In.uniform(-1, 1));
      // Beyond ±0.999 the bins of a first step have no end.
      In start = In.constant(shape.shape().extents()).with(In.uniform(-1.25, 1.25));
      In noisy = start.with(In.uniform(-0.5, 0.5)).with(shape.layout());
      for (boolean variance : new boolean[] {true, false}) {
        sink.add(
            "gaussian_vlb " + shape.shape() + shape.layout() + (variance ? "" : " fixed"),
            new GaussianVlb(),
            oracle(variance),
            VlbBounds.of(),
            said,
            variance ? said : In.absent(),
            start,
            noisy,
            steps(shape.shape().dim(0), variance));
      }
    }
  }

  private static Function oracle(boolean variance) {
    return in -> {
      long[] each = new long[(int) in[0].dim()];
      Arrays.fill(each, 1);
      each[0] = in[0].size(0);
      return TransformerOracles.gaussianVlb(
          in[0], variance ? in[1] : null, in[2], in[3], i -> in[4].select(1, i).reshape(each));
    };
  }
}
