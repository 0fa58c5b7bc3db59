package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.Weights;
import java.util.Optional;

/**
 * How a model is loaded and run.
 *
 * @param sessions calls that run at the same time, each with its own stream and memory; further
 *     calls wait. The device's threads are divided among them
 * @param batch images that go through the network at once; larger batches are cut and spread over
 *     the sessions. Memory grows with it
 * @param weights which weights of a training run or checkpoint that holds an average (EMA) beside
 *     those as last trained
 * @param scaling how latents are scaled, where the checkpoint does not say or is wrong
 */
public record VaeOptions(
    int sessions, int batch, Weights weights, Optional<LatentScaling> scaling) {
  private static final VaeOptions DEFAULTS = new VaeOptions(1, 4, Weights.AUTO, Optional.empty());

  /** Checks the numbers. */
  public VaeOptions {
    if (sessions < 1 || batch < 1) {
      throw new EqvaeException.Argument(
          "%d sessions with batches of %d: both must be at least 1".formatted(sessions, batch));
    }
  }

  /**
   * One session with all threads, batches of 4, averaged weights.
   *
   * @return the defaults
   */
  public static VaeOptions defaults() {
    return DEFAULTS;
  }

  /**
   * With another number of sessions.
   *
   * @param value calls that run at the same time
   * @return the options
   */
  public VaeOptions withSessions(int value) {
    return new VaeOptions(value, batch, weights, scaling);
  }

  /**
   * With another size of batches.
   *
   * @param value images that go through the network at once
   * @return the options
   */
  public VaeOptions withBatch(int value) {
    return new VaeOptions(sessions, value, weights, scaling);
  }

  /**
   * With or without averaged weights.
   *
   * @param value false for the weights as they were last trained
   * @return the options
   */
  public VaeOptions withAverage(boolean value) {
    return withWeights(value ? Weights.AUTO : Weights.MODEL);
  }

  /**
   * With one of two sets of weights.
   *
   * @param value {@link Weights#EMA} refuses what has no average, {@link Weights#AUTO}, the
   *     default, takes it where it is
   * @return the options
   */
  public VaeOptions withWeights(Weights value) {
    return new VaeOptions(sessions, batch, value, scaling);
  }

  /**
   * With a scaling of one's own.
   *
   * @param value the scaling
   * @return the options
   */
  public VaeOptions withScaling(LatentScaling value) {
    return new VaeOptions(sessions, batch, weights, Optional.of(value));
  }
}
