package io.github.eqvae.model.checkpoint;

/**
 * Which weights to read from a checkpoint with two sets: the current weights, as last trained, and
 * their moving average (EMA). Published numbers and samples are made with the average, so {@link
 * #AUTO} prefers it.
 */
public enum Weights {
  /** The average if it is complete, else the weights as last trained. */
  AUTO,
  /** The average; a checkpoint without one is refused. */
  EMA,
  /** The weights as last trained. */
  MODEL;

  /**
   * Whether the name of a dictionary or prefix is that of an average.
   *
   * @param name such as {@code ema}, {@code model_ema.} or {@code state_dict}
   * @return true for the first two
   */
  public static boolean isAverage(String name) {
    return AveragedWeights.isAverage(name);
  }
}
