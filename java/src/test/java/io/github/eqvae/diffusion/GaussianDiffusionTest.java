package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.diffusion.GaussianDiffusion.Prediction;
import io.github.eqvae.diffusion.GaussianDiffusion.Variance;
import io.github.eqvae.op.GaussianVlb;
import org.junit.jupiter.api.Test;

class GaussianDiffusionTest {
  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);

  private static GaussianDiffusion with(Variance variance) {
    return new GaussianDiffusion(SCHEDULE, Prediction.EPSILON, variance);
  }

  /** What a network says of the variance is its logarithm, or a place between two of them. */
  @Test
  void aLearnedVarianceIsTheOutput() {
    GaussianDiffusion learned = with(Variance.LEARNED);
    assertEquals(2, learned.outputsPerChannel());
    assertEquals(-3.25, learned.logVariance(-3.25, 7));
    GaussianDiffusion range = with(Variance.LEARNED_RANGE);
    assertEquals(Math.log(SCHEDULE.beta(7)), range.logVariance(1, 7), 1e-15);
    assertEquals(SCHEDULE.posteriorLogVariance(7), range.logVariance(-1, 7), 1e-15);
  }

  /** The bound's columns put the output between −1 and 1, which is the output itself. */
  @Test
  void theBoundOfALearnedVarianceHasThePlainLogarithm() {
    double[] row = new DiffusionLoss(with(Variance.LEARNED), DiffusionLoss.Kind.MSE).row(7);
    int last = row.length - 1;
    assertEquals(-1, row[last - 2]);
    assertEquals(1, row[last - 1]);
    assertEquals(0, row[last]);
  }

  @Test
  void onlyTheFirstStepAsksForDouble() {
    DiffusionLoss loss =
        new DiffusionLoss(
            with(Variance.LEARNED_RANGE),
            DiffusionLoss.Kind.MSE,
            DiffusionLoss.DecoderPrecision.FP64);
    int last = loss.columns() - 1;
    assertEquals(GaussianVlb.FIRST_STEP_IN_DOUBLE, loss.row(0)[last]);
    assertEquals(0, loss.row(1)[last]);
    assertEquals(GaussianVlb.FIRST_STEP, DiffusionLoss.published().row(0)[last]);
  }
}
