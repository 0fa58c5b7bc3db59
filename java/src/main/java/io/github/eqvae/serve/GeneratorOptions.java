package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.model.checkpoint.Weights;

/**
 * Options for loading and running a generator.
 *
 * @param sessions calls that run at the same time, each with its own stream and memory; the
 *     device's threads are divided among them
 * @param batch latents per batch; larger calls are divided among the sessions. It does not change
 *     the results
 * @param weights which weights to use, if a checkpoint has both those as last trained and their
 *     average (EMA)
 * @param hints settings that another program's checkpoint does not have
 */
public record GeneratorOptions(int sessions, int batch, Weights weights, GeneratorHints hints) {
  private static final GeneratorOptions DEFAULTS =
      new GeneratorOptions(1, 16, Weights.AUTO, GeneratorHints.NONE);

  /** Checks the numbers. */
  public GeneratorOptions {
    if (sessions < 1 || batch < 1) {
      throw new EqvaeException.Argument(
          "%d sessions with batches of %d: both must be at least 1".formatted(sessions, batch));
    }
  }

  /**
   * One session with all threads, batches of 16, averaged weights.
   *
   * @return the defaults
   */
  public static GeneratorOptions defaults() {
    return DEFAULTS;
  }

  /**
   * With another number of sessions.
   *
   * @param value calls that run at the same time
   * @return the options
   */
  public GeneratorOptions withSessions(int value) {
    return new GeneratorOptions(value, batch, weights, hints);
  }

  /**
   * With another batch size.
   *
   * @param value latents per batch
   * @return the options
   */
  public GeneratorOptions withBatch(int value) {
    return new GeneratorOptions(sessions, value, weights, hints);
  }

  /**
   * With another choice of weights.
   *
   * @param value the choice
   * @return the options
   */
  public GeneratorOptions withWeights(Weights value) {
    return new GeneratorOptions(sessions, batch, value, hints);
  }

  /**
   * With settings that another program's checkpoint does not have.
   *
   * @param value the number of heads, and the diffusion process
   * @return the options
   */
  public GeneratorOptions withHints(GeneratorHints value) {
    return new GeneratorOptions(sessions, batch, weights, value);
  }
}
