package io.github.eqvae.diffusion;

/**
 * What a network of SiT is taught along an {@link Interpolant}, and what its answer means (SiT,
 * arXiv 2401.08740, section 2; willisma/SiT, {@code transport/transport.py}). Time runs from noise
 * (0) to data (1).
 *
 * @param path the interpolant
 * @param prediction what the network says
 * @param weight how the loss of noise and score is weighted over time; velocity is not weighted
 * @param trainMargin how far training keeps from the ends where a conversion divides by 0
 * @param sampleMargin how far sampling does
 */
public record Transport(
    Interpolant path,
    Prediction prediction,
    Weight weight,
    double trainMargin,
    double sampleMargin) {
  /** What the network says. */
  public enum Prediction {
    /** dx/dt: published SiT. */
    VELOCITY,
    /** ∇ log p(x). */
    SCORE,
    /** The noise. */
    NOISE
  }

  /** The weight of a time in the loss. */
  public enum Weight {
    /** 1. */
    NONE,
    /** (λ/σ)², λ being {@link Interpolant#scoreWeight}: that of the velocity's own loss. */
    VELOCITY,
    /** λ/σ²: that of a bound on the likelihood. */
    LIKELIHOOD
  }

  /**
   * With the margins of the reference ({@code create_transport}).
   *
   * @param path the interpolant
   * @param prediction what the network says
   * @param weight the weight of a time
   */
  public Transport(Interpolant path, Prediction prediction, Weight weight) {
    this(
        path,
        prediction,
        weight,
        path == Interpolant.VP ? 1e-5 : prediction == Prediction.VELOCITY ? 0 : 1e-3,
        path == Interpolant.VP || prediction != Prediction.VELOCITY ? 1e-3 : 0);
  }

  /**
   * Two times between which something happens.
   *
   * @param from the first
   * @param to the last; before the first where the way is from data to noise
   */
  public record Interval(double from, double to) {
    /** The mirror image: from data to noise. */
    Interval reversed() {
      return new Interval(1 - from, 1 - to);
    }
  }

  /**
   * The times that training draws from.
   *
   * @return the interval
   */
  public Interval training() {
    return margins(trainMargin);
  }

  /**
   * The times an ordinary differential equation is solved over.
   *
   * @return the interval
   */
  public Interval ode() {
    return margins(sampleMargin);
  }

  private Interval margins(double margin) {
    if (path == Interpolant.VP) {
      return new Interval(0, 1 - margin);
    }
    return prediction == Prediction.VELOCITY
        ? new Interval(0, 1)
        : new Interval(margin, 1 - margin);
  }

  /**
   * The times a stochastic differential equation is solved over, before its last step.
   *
   * @param lastStep the last step's length, 0 for none
   * @param needsStart whether the equation's own coefficients divide by 0 at the start
   * @return the interval
   */
  Interval sde(double lastStep, boolean needsStart) {
    double to = 1 - (lastStep == 0 ? sampleMargin : lastStep);
    boolean keepsAway = path != Interpolant.VP && (needsStart || prediction != Prediction.VELOCITY);
    return new Interval(keepsAway ? sampleMargin : 0, to);
  }

  /**
   * What the network is to say at one place.
   *
   * @param data the data
   * @param noise the noise
   * @param t time
   * @return the velocity, the score or the noise of this pair
   */
  public double target(double data, double noise, double t) {
    return switch (prediction) {
      case VELOCITY -> path.alphaRate(t) * data + path.sigmaRate(t) * noise;
      case NOISE -> noise;
      case SCORE -> -noise / path.sigma(t);
    };
  }

  /**
   * What the square of the answer's error counts at a time. The score's error is taken times σ, as
   * in the reference.
   *
   * @param t time
   * @return the weight of the squared error
   */
  public double lossWeight(double t) {
    if (prediction == Prediction.VELOCITY) {
      return 1;
    }
    double sigma = path.sigma(t);
    double lambda = path.scoreWeight(t);
    double w =
        switch (weight) {
          case NONE -> 1;
          case VELOCITY -> lambda / sigma * (lambda / sigma);
          case LIKELIHOOD -> lambda / (sigma * sigma);
        };
    return prediction == Prediction.SCORE ? w * sigma * sigma : w;
  }

  /**
   * The velocity of the probability flow that the network's answer at one place means.
   *
   * @param said the answer
   * @param x the state
   * @param t time
   * @return dx/dt
   */
  public double velocity(double said, double x, double t) {
    return prediction == Prediction.VELOCITY
        ? said
        : path.stateWeight(t) * x + path.scoreWeight(t) * score(said, x, t);
  }

  /**
   * The score that the network's answer at one place means.
   *
   * @param said the answer
   * @param x the state
   * @param t time, below 1
   * @return ∇ log p(x)
   */
  public double score(double said, double x, double t) {
    return switch (prediction) {
      case VELOCITY -> path.scoreOfVelocity(said, x, t);
      case SCORE -> said;
      case NOISE -> -said / path.sigma(t);
    };
  }
}
