package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.op.Interpolation;
import java.util.ArrayList;
import java.util.List;

/** The draws that a memory plan looks at: every size that a step of an objective can have. */
final class PlannedDraws {
  /**
   * The largest draw from a continuous set is below its end by this factor; it rounds down for any
   * image side.
   */
  private static final double BELOW = 1e-8;

  private PlannedDraws() {}

  static List<Draw> of(ObjectiveRecipe o) {
    List<Draw> draws = new ArrayList<>(List.of(Draw.PLAIN));
    boolean scaled = o.scaling() != EqOptions.Scaling.NONE;
    if (o.equivarianceProbability() > 0 || o.lowResolutionPriorProbability() > 0) {
      Interpolation interpolation = Interpolation.valueOf(o.interpolation().name());
      for (double s : scaled ? scales(o) : List.of(1.0)) {
        int turns = o.rotations().getFirst() / 90;
        draws.add(
            new Draw(
                Draw.Branch.EQUIVARIANT,
                new SpatialTransform(s, s, turns, false, false, interpolation),
                o.blendProbability() > 0 ? 0.5 : 0));
        draws.add(
            new Draw(
                Draw.Branch.LOW_RESOLUTION,
                new SpatialTransform(s, s, 0, false, false, interpolation)));
      }
    }
    return draws;
  }

  /** All scales of a set; of a continuous one its ends and what lies between, by 32nds. */
  private static List<Double> scales(ObjectiveRecipe o) {
    boolean continuous = o.scaleSet() == EqOptions.ScaleSet.CONTINUOUS;
    double least = continuous ? o.scaleMin() : 0.25;
    double most = continuous ? o.scaleMax() : 1;
    int step = o.scaleSet() == EqOptions.ScaleSet.QUARTERS ? 8 : 1;
    List<Double> scales = new ArrayList<>(List.of(least));
    for (int k = step; k < 32; k += step) {
      double s = k / 32.0;
      if (s > least && s < most) {
        scales.add(s);
      }
    }
    if (continuous) {
      scales.add(most * (1 - BELOW)); // the end itself is never drawn
    }
    return scales;
  }
}
