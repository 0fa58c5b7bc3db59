package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.model.checkpoint.Weights;

/**
 * How a generator is loaded and run.
 *
 * @param sessions calls that run at the same time, each with its own stream and memory; the
 *     device's threads are divided among them
 * @param batch latents that go through the network at once; larger calls are cut and spread over
 *     the sessions. It does not change the results
 * @param weights which weights of a checkpoint that holds an average (EMA) beside those as last
 *     trained
 * @param hints what a checkpoint of others does not say
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
   * With another size of batches.
   *
   * @param value latents that go through the network at once
   * @return the options
   */
  public GeneratorOptions withBatch(int value) {
    return new GeneratorOptions(sessions, value, weights, hints);
  }

  /**
   * With one of two sets of weights.
   *
   * @param value which
   * @return the options
   */
  public GeneratorOptions withWeights(Weights value) {
    return new GeneratorOptions(sessions, batch, value, hints);
  }

  /**
   * With what a checkpoint of others does not say.
   *
   * @param value heads, and how it was taught
   * @return the options
   */
  public GeneratorOptions withHints(GeneratorHints value) {
    return new GeneratorOptions(sessions, batch, weights, value);
  }
}
