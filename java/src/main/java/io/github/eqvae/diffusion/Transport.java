package io.github.eqvae.diffusion;

/**
 * The training target of a SiT network along an {@link Interpolant}, and how velocity and score
 * follow from its output (SiT, arXiv 2401.08740, section 2; willisma/SiT, {@code
 * transport/transport.py}). Time runs from noise (0) to data (1).
 *
 * @param path the interpolant
 * @param prediction what the network predicts
 * @param weight the weight of the loss over time, for predictions of noise and score; velocity is
 *     not weighted
 * @param trainMargin distance that training times keep from ends where a conversion divides by 0
 * @param sampleMargin the same distance for sampling
 */
public record Transport(
    Interpolant path,
    Prediction prediction,
    Weight weight,
    double trainMargin,
    double sampleMargin) {
  /** What the network predicts. */
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
    /** (λ/σ)² with λ = {@link Interpolant#scoreWeight}: equals the velocity's loss. */
    VELOCITY,
    /** λ/σ²: a bound on the likelihood. */
    LIKELIHOOD
  }

  /**
   * Creates a transport with the reference's margins ({@code create_transport}).
   *
   * @param path the interpolant
   * @param prediction what the network predicts
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
   * An interval of times.
   *
   * @param from the first time
   * @param to the last time; less than {@code from} for a path from data to noise
   */
  public record Interval(double from, double to) {
    /** The interval from data to noise. */
    Interval reversed() {
      return new Interval(1 - from, 1 - to);
    }
  }

  /**
   * The interval from which training draws times.
   *
   * @return the interval
   */
  public Interval training() {
    return margins(trainMargin);
  }

  /**
   * The interval over which an ordinary differential equation is solved.
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
   * The interval over which a stochastic differential equation is solved, without its last step.
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
   * The target of the network's prediction, for one number.
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
   * The weight of the squared error at a time. The score's error is multiplied by σ, as in the
   * reference.
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
   * The velocity of the probability flow that follows from the network's output, for one number.
   *
   * @param output the network's output
   * @param x the state
   * @param t time
   * @return dx/dt
   */
  public double velocity(double output, double x, double t) {
    return prediction == Prediction.VELOCITY
        ? output
        : path.stateWeight(t) * x + path.scoreWeight(t) * score(output, x, t);
  }

  /**
   * The score that follows from the network's output, for one number.
   *
   * @param output the network's output
   * @param x the state
   * @param t time, below 1
   * @return ∇ log p(x)
   */
  public double score(double output, double x, double t) {
    return switch (prediction) {
      case VELOCITY -> path.scoreOfVelocity(output, x, t);
      case SCORE -> output;
      case NOISE -> -output / path.sigma(t);
    };
  }
}
