package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.Weights;
import java.util.Optional;

/**
 * Options for loading and running a model.
 *
 * @param sessions calls that run at the same time, each with its own stream and memory; further
 *     calls wait. The device's threads are divided among them
 * @param batch images per batch; larger calls are divided among the sessions. Memory grows with the
 *     batch size
 * @param weights which weights to use, if a run or checkpoint has both those as last trained and
 *     their average (EMA)
 * @param scaling how latents are scaled, if the checkpoint does not have the scaling or has a wrong
 *     one
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
   * With another batch size.
   *
   * @param value images per batch
   * @return the options
   */
  public VaeOptions withBatch(int value) {
    return new VaeOptions(sessions, value, weights, scaling);
  }

  /**
   * With or without averaged weights.
   *
   * @param value false for the weights as last trained
   * @return the options
   */
  public VaeOptions withAverage(boolean value) {
    return withWeights(value ? Weights.AUTO : Weights.MODEL);
  }

  /**
   * With another choice of weights.
   *
   * @param value {@link Weights#EMA} refuses a file without an average; {@link Weights#AUTO}, the
   *     default, uses the average if there is one
   * @return the options
   */
  public VaeOptions withWeights(Weights value) {
    return new VaeOptions(sessions, batch, value, scaling);
  }

  /**
   * With another scaling.
   *
   * @param value the scaling
   * @return the options
   */
  public VaeOptions withScaling(LatentScaling value) {
    return new VaeOptions(sessions, batch, weights, Optional.of(value));
  }
}
