package io.github.eqvae.diffusion;

/**
 * A path from noise (t = 0) to data (t = 1) in continuous time: x[t] = α(t) · data + σ(t) · noise
 * (SiT, arXiv 2401.08740, section 2; willisma/SiT, {@code transport/path.py}). REPA's time runs in
 * the other direction.
 */
public enum Interpolant {
  /** α = t, σ = 1 − t. */
  LINEAR {
    @Override
    public double alpha(double t) {
      return t;
    }

    @Override
    public double alphaRate(double t) {
      return 1;
    }

    @Override
    public double sigma(double t) {
      return 1 - t;
    }

    @Override
    public double sigmaRate(double t) {
      return -1;
    }

    @Override
    double alphaLogRate(double t) {
      return 1 / t;
    }
  },

  /** α = sin(πt/2), σ = cos(πt/2): the generalised variance-preserving path. */
  GVP {
    @Override
    public double alpha(double t) {
      return Math.sin(t * Math.PI / 2);
    }

    @Override
    public double alphaRate(double t) {
      return Math.PI / 2 * Math.cos(t * Math.PI / 2);
    }

    @Override
    public double sigma(double t) {
      return Math.cos(t * Math.PI / 2);
    }

    @Override
    public double sigmaRate(double t) {
      return -Math.PI / 2 * Math.sin(t * Math.PI / 2);
    }

    @Override
    double alphaLogRate(double t) {
      return Math.PI / (2 * Math.tan(t * Math.PI / 2));
    }
  },

  /** The variance-preserving path of score-based models, β from 0.1 to 20. */
  VP {
    @Override
    public double alpha(double t) {
      return Math.exp(logAlpha(t));
    }

    @Override
    public double alphaRate(double t) {
      return alpha(t) * alphaLogRate(t);
    }

    @Override
    public double sigma(double t) {
      return Math.sqrt(1 - Math.exp(2 * logAlpha(t)));
    }

    @Override
    public double sigmaRate(double t) {
      return Math.exp(2 * logAlpha(t)) * 2 * alphaLogRate(t) / (-2 * sigma(t));
    }

    @Override
    double alphaLogRate(double t) {
      return 0.5 * (1 - t) * (BETA_MAX - BETA_MIN) + 0.5 * BETA_MIN;
    }

    @Override
    public double scoreWeight(double t) {
      return beta(t) / 2;
    }

    @Override
    public double stateWeight(double t) {
      return beta(t) / 2;
    }

    private static double logAlpha(double t) {
      double left = 1 - t;
      return -0.25 * left * left * (BETA_MAX - BETA_MIN) - 0.5 * left * BETA_MIN;
    }

    private static double beta(double t) {
      return BETA_MIN + (1 - t) * (BETA_MAX - BETA_MIN);
    }
  };

  private static final double BETA_MIN = 0.1;
  private static final double BETA_MAX = 20;

  /**
   * The factor of the data.
   *
   * @param t time, 0 to 1
   * @return α(t)
   */
  public abstract double alpha(double t);

  /**
   * Its derivative.
   *
   * @param t time, 0 to 1
   * @return dα/dt
   */
  public abstract double alphaRate(double t);

  /**
   * The factor of the noise.
   *
   * @param t time, 0 to 1
   * @return σ(t)
   */
  public abstract double sigma(double t);

  /**
   * Its derivative.
   *
   * @param t time, 0 to 1
   * @return dσ/dt
   */
  public abstract double sigmaRate(double t);

  /** d log α / dt, computed without dividing two small numbers. */
  abstract double alphaLogRate(double t);

  /**
   * The score's factor in the velocity: v = {@link #stateWeight} · x + {@code scoreWeight} · score.
   *
   * @param t time; on {@link #LINEAR} and {@link #GVP} it is infinite at 0
   * @return the factor of the score
   */
  public double scoreWeight(double t) {
    return alphaLogRate(t) * sigma(t) * sigma(t) - sigma(t) * sigmaRate(t);
  }

  /**
   * The factor of x in the velocity, see {@link #scoreWeight}.
   *
   * @param t time; on {@link #LINEAR} and {@link #GVP} it is infinite at 0
   * @return the factor of x
   */
  public double stateWeight(double t) {
    return alphaLogRate(t);
  }

  /**
   * The score ∇ log p(x) that follows from a velocity, for one number.
   *
   * @param velocity the network's prediction
   * @param x the state
   * @param t time; below 1
   * @return the score
   */
  public double scoreOfVelocity(double velocity, double x, double t) {
    double ratio = alpha(t) / alphaRate(t);
    double variance = sigma(t) * sigma(t) - ratio * sigmaRate(t) * sigma(t);
    return (ratio * velocity - x) / variance;
  }
}
