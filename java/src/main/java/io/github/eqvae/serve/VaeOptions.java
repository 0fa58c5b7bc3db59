package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import java.util.Optional;

/**
 * How a model is loaded and run.
 *
 * @param sessions calls that run at the same time, each with its own stream and memory; further
 *     calls wait. The device's threads are divided among them
 * @param batch images that go through the network at once; larger batches are cut and spread over
 *     the sessions. Memory grows with it
 * @param average whether a training run's averaged weights (EMA) are taken, if it keeps them
 * @param scaling how latents are scaled, where the checkpoint does not say or is wrong
 */
public record VaeOptions(
    int sessions, int batch, boolean average, Optional<LatentScaling> scaling) {
  private static final VaeOptions DEFAULTS = new VaeOptions(1, 4, true, Optional.empty());

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
    return new VaeOptions(value, batch, average, scaling);
  }

  /**
   * With another size of batches.
   *
   * @param value images that go through the network at once
   * @return the options
   */
  public VaeOptions withBatch(int value) {
    return new VaeOptions(sessions, value, average, scaling);
  }

  /**
   * With or without averaged weights.
   *
   * @param value false for the weights as they were last trained
   * @return the options
   */
  public VaeOptions withAverage(boolean value) {
    return new VaeOptions(sessions, batch, value, scaling);
  }

  /**
   * With a scaling of one's own.
   *
   * @param value the scaling
   * @return the options
   */
  public VaeOptions withScaling(LatentScaling value) {
    return new VaeOptions(sessions, batch, average, Optional.of(value));
  }
}
