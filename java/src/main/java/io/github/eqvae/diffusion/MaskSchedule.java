package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * The fraction of a picture's codes that training masks, and the number of codes that each sampling
 * step keeps. Sources: valeoai/Maskgit-pytorch {@code Trainer/vit.py} ({@code get_mask_code},
 * {@code adap_sche}).
 */
public enum MaskSchedule {
  /** Only for sampling: the reference has no training fraction for it. */
  ROOT {
    @Override
    double kept(double r) {
      return 1 - Math.sqrt(r);
    }
  },
  /** The same number in each step. */
  LINEAR {
    @Override
    double kept(double r) {
      return 1 - r;
    }
  },
  /** More codes in early steps. */
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
  /** Fewer codes in early steps: the reference's default. */
  ARCCOS {
    @Override
    double kept(double r) {
      return Math.acos(r) / (Math.PI / 2);
    }
  };

  /** The unnormalised share of codes that a step keeps; r falls from 1 to 0 during sampling. */
  abstract double kept(double r);

  /**
   * The number of codes that each step keeps.
   *
   * @param codes number of the picture's codes
   * @param steps sampling steps
   * @return the counts; their sum is {@code codes}
   * @throws EqvaeException.Argument if there are so many steps that none is left for the last one;
   *     the reference then computes 0 or less
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
          "MaskGIT: the schedule %s leaves no code for the last of %d steps (%d codes); use fewer steps"
              .formatted(this, steps, codes));
    }
    return counts;
  }

  /**
   * The number of codes that are known after each step, as in Halton-MaskGIT: the share {@code 1 −
   * f(i/(n − 1))}, where f falls from 1 to 0, and at least i + 1.
   *
   * @param codes number of the picture's codes
   * @param steps sampling steps
   * @return the totals; the last is {@code codes}
   */
  public int[] totals(int codes, int steps) {
    int[] totals = new int[steps];
    float step =
        1f / (steps - 1); // single precision as in the reference: rounding can lower a count by one
    for (int i = 0; i < steps; i++) {
      float r = i < steps / 2 ? step * i : 1 - step * (steps - 1 - i);
      totals[i] = Math.max(i + 1, (int) (given(r) * codes));
    }
    return totals;
  }

  /** The share of codes that is known at r, which rises from 0 to 1. */
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
   * @param r a uniform random number in [0, 1)
   * @return the probability with which each code is masked
   * @throws EqvaeException.Unsupported for {@link #ROOT}
   */
  public double fraction(double r) {
    return switch (this) {
      case ROOT ->
          throw new EqvaeException.Unsupported("MaskGIT: the schedule root is only for sampling");
      case LINEAR -> r;
      case SQUARE -> r * r;
      case COSINE, ARCCOS -> kept(r);
    };
  }

  /**
   * The fraction that Halton-MaskGIT masks in training: {@code 1 − √r}, {@code 1 − r}, {@code 1 −
   * r²}, cosine or arccos. For {@code linear} and {@code square} it falls with r, while {@link
   * #fraction} rises.
   *
   * @param r a uniform random number in [0, 1)
   * @return the probability with which each code is masked
   */
  public double haltonFraction(double r) {
    return kept(r);
  }
}
