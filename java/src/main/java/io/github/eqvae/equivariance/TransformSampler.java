package io.github.eqvae.equivariance;

import io.github.eqvae.tensor.Philox;
import java.util.ArrayList;
import java.util.List;

/**
 * Draws branch and τ. A draw is a pure function of (seed, purpose, sample), so a resumed run draws
 * the same as an uninterrupted one.
 */
public final class TransformSampler {
  private final EqOptions options;

  /**
   * A sampler.
   *
   * @param options what to draw from
   */
  public TransformSampler(EqOptions options) {
    this.options = options;
  }

  /**
   * The draws of one forward pass.
   *
   * @param seed the run's seed
   * @param purpose a number unique to the pass (step, optimiser, micro batch)
   * @param samples the batch size
   * @return one draw per sample; all the same when drawn per batch
   */
  public List<Draw> draw(long seed, long purpose, int samples) {
    List<Draw> draws = new ArrayList<>(samples);
    for (int i = 0; i < samples; i++) {
      boolean own = i == 0 || options.draw() == EqOptions.DrawPer.SAMPLE;
      draws.add(own ? one(seed, purpose, i) : draws.getFirst());
    }
    return draws;
  }

  /** Separates the blocks of shifts and blending from those of the other numbers. */
  private static final long MORE = 1L << 40;

  /** A sample is mixed with k/16 of the next, k = 1 to 8: few kinds of steps, and at most half. */
  private static final int BLENDS = 8;

  private static void uniform(long seed, long block, long purpose, double[] u, int from) {
    int[] words = Philox.block(seed, block, purpose);
    for (int i = 0; i < 4; i++) {
      u[from + i] = (Integer.toUnsignedLong(words[i]) + 0.5) * 0x1p-32;
    }
  }

  private int shift(double u) {
    return (int) (u * (2 * options.translation() + 1)) - options.translation();
  }

  private Draw one(long seed, long purpose, int sample) {
    // Twelve uniform numbers, each with one fixed use: an option that is off does not change the
    // others.
    double[] u = new double[12];
    uniform(seed, 2L * sample, purpose, u, 0);
    uniform(seed, 2L * sample + 1, purpose, u, 4);
    uniform(seed, MORE + sample, purpose, u, 8);
    if (u[0] < options.equivarianceProbability()) {
      double height = scale(u[1]);
      double width = options.scaling() == EqOptions.Scaling.ANISOTROPIC ? scale(u[2]) : height;
      int turns = options.rotations().get((int) (u[3] * options.rotations().size()));
      EqOptions.Flips flips = options.flips();
      boolean horizontal =
          (flips == EqOptions.Flips.HORIZONTAL || flips == EqOptions.Flips.BOTH) && u[4] < 0.5;
      boolean vertical =
          (flips == EqOptions.Flips.VERTICAL || flips == EqOptions.Flips.BOTH) && u[5] < 0.5;
      SpatialTransform tau =
          new SpatialTransform(height, width, turns, horizontal, vertical, options.interpolation());
      boolean blends = u[10] < options.blendProbability();
      return new Draw(
          Draw.Branch.EQUIVARIANT,
          tau.shifted(shift(u[8]), shift(u[9])),
          blends ? (1 + (int) (u[11] * BLENDS)) / (2.0 * BLENDS) : 0);
    }
    if (u[6] < options.lowResolutionPriorProbability()) {
      double scale = scale(u[7]);
      return new Draw(
          Draw.Branch.LOW_RESOLUTION,
          new SpatialTransform(scale, scale, 0, false, false, options.interpolation()));
    }
    return Draw.PLAIN;
  }

  private double scale(double u) {
    if (options.scaling() == EqOptions.Scaling.NONE) {
      return 1;
    }
    return switch (options.scaleSet()) {
      case DISCRETE_32 -> (8 + (int) (u * 24)) / 32.0;
      case QUARTERS -> (1 + (int) (u * 3)) / 4.0;
      case CONTINUOUS -> options.scaleMin() + u * (options.scaleMax() - options.scaleMin());
    };
  }
}
