package io.github.eqvae.model.checkpoint;

/**
 * Which weights to take of a checkpoint that holds two sets of them: those as last trained, and
 * their moving average (EMA). Published numbers and samples are made with the average, so it is
 * what {@link #AUTO} takes.
 */
public enum Weights {
  /** The average if there is a whole one, else the weights as last trained. */
  AUTO,
  /** The average; a checkpoint without one is refused. */
  EMA,
  /** The weights as last trained. */
  MODEL;

  /**
   * Whether what a dictionary or a prefix of names is called says that it holds an average.
   *
   * @param name such as {@code ema}, {@code model_ema.} or {@code state_dict}
   * @return true for the first two
   */
  public static boolean isAverage(String name) {
    return AveragedWeights.isAverage(name);
  }
}
