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
  MODEL
}
