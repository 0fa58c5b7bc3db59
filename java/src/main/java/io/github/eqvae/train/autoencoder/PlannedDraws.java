package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.op.Interpolation;
import java.util.ArrayList;
import java.util.List;

/** The draws that a memory plan looks at: every size that a step of an objective can have. */
final class PlannedDraws {
  private PlannedDraws() {}

  static List<Draw> of(ObjectiveRecipe o) {
    List<Draw> draws = new ArrayList<>(List.of(Draw.PLAIN));
    boolean scaled = o.scaling() != EqOptions.Scaling.NONE;
    if (o.equivarianceProbability() > 0 || o.lowResolutionPriorProbability() > 0) {
      Interpolation interpolation = Interpolation.valueOf(o.interpolation().name());
      int step = o.scaleSet() == EqOptions.ScaleSet.QUARTERS ? 8 : 1;
      for (int k = scaled ? 8 : 32; k <= (scaled ? 31 : 32); k += step) {
        double s = k / 32.0;
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
}
