package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * How many codes of a picture are masked: a fraction in training, and how many are given in each
 * step of sampling. Sources: valeoai/Maskgit-pytorch {@code Trainer/vit.py} ({@code get_mask_code},
 * {@code adap_sche}).
 */
public enum MaskSchedule {
  /** Sampling only: its fraction in training is not in the reference. */
  ROOT {
    @Override
    double kept(double r) {
      return 1 - Math.sqrt(r);
    }
  },
  /** As much in each step. */
  LINEAR {
    @Override
    double kept(double r) {
      return 1 - r;
    }
  },
  /** Many at first. */
  SQUARE {
    @Override
    double kept(double r) {
      return 1 - r * r;
    }
  },
  /** As in MaskGIT's paper. */
  COSINE {
    @Override
    double kept(double r) {
      return Math.cos(r * Math.PI / 2);
    }
  },
  /** Few at first: the reference's default. */
  ARCCOS {
    @Override
    double kept(double r) {
      return Math.acos(r) / (Math.PI / 2);
    }
  };

  /**
   * Of r, which falls from 1 to 0 while a picture is sampled, the share of codes that a step gives.
   */
  abstract double kept(double r);

  /**
   * How many codes each step gives.
   *
   * @param codes of the picture
   * @param steps of sampling
   * @return the counts; their sum is {@code codes}
   * @throws EqvaeException.Argument if there are too many steps, so that none would be left for the
   *     last; the reference then gives 0 or fewer
   */
  public int[] counts(int codes, int steps) {
    if (steps < 2 || codes < 1) {
      throw new EqvaeException.Argument(
          "MaskGIT: %d codes in %d steps; at least 2 steps are needed".formatted(codes, steps));
    }
    float[] share = new float[steps];
    float sum = 0;
    for (int i = 0; i < steps; i++) {
      share[i] = (float) kept(1 - i / (double) (steps - 1));
      sum += share[i];
    }
    int[] counts = new int[steps];
    int left = codes;
    for (int i = 0; i < steps; i++) {
      counts[i] = Math.max(1, (int) Math.rint(share[i] / sum * codes));
      left -= counts[i];
    }
    counts[steps - 1] += left;
    if (counts[steps - 1] < 1) {
      throw new EqvaeException.Argument(
          "MaskGIT: the schedule %s leaves nothing for the last of %d steps of %d codes; take fewer"
              .formatted(this, steps, codes));
    }
    return counts;
  }

  /**
   * How many codes are given after each step, as Halton-MaskGIT counts them: {@code 1 − f(i/(n −
   * 1))} of them, f falling from 1 to 0, and at least one more than before.
   *
   * @param codes of the picture
   * @param steps of sampling
   * @return the totals; the last is {@code codes}
   */
  public int[] totals(int codes, int steps) {
    int[] totals = new int[steps];
    float step = 1f / (steps - 1); // in single precision, where a share can fall below a whole
    for (int i = 0; i < steps; i++) {
      float r = i < steps / 2 ? step * i : 1 - step * (steps - 1 - i);
      totals[i] = Math.max(i + 1, (int) (given(r) * codes));
    }
    return totals;
  }

  /** The share that is given at r, which rises from 0 to 1. */
  private float given(float r) {
    return switch (this) {
      case ROOT -> (float) Math.sqrt(r);
      case LINEAR -> r;
      case SQUARE -> r * r;
      case COSINE -> 1 - (float) Math.cos(r * (float) Math.PI * 0.5f);
      case ARCCOS -> 1 - (float) Math.acos(r) / (float) (Math.PI * 0.5);
    };
  }

  /**
   * The fraction of codes that training masks.
   *
   * @param r a number drawn from [0, 1)
   * @return the chance of each code
   * @throws EqvaeException.Unsupported of {@link #ROOT}
   */
  public double fraction(double r) {
    return switch (this) {
      case ROOT ->
          throw new EqvaeException.Unsupported("MaskGIT: root is a schedule of sampling alone");
      case LINEAR -> r;
      case SQUARE -> r * r;
      case COSINE, ARCCOS -> kept(r);
    };
  }

  /**
   * The fraction that Halton-MaskGIT masks in training: {@code 1 − √r}, {@code 1 − r}, {@code 1 −
   * r²}, cosine or arccos. It falls where {@link #fraction} of {@code linear} and {@code square}
   * rises.
   *
   * @param r a number drawn from [0, 1)
   * @return the chance of each code
   */
  public double haltonFraction(double r) {
    return kept(r);
  }
}
