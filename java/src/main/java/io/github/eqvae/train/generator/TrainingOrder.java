package io.github.eqvae.train.generator;

import io.github.eqvae.data.SampleRandom;

/**
 * Which picture each sample of a run is. Sample p is the (p mod n)-th of epoch ⌊p / n⌋, each epoch
 * in its own order. Used by one thread.
 */
final class TrainingOrder {
  /** Of {@link SampleRandom}: whether the mirrored picture is taken. */
  private static final int FLIP = 0;

  private final FolderData data;
  private final long seed;
  private long epoch = -1;
  private int[] order = {};

  TrainingOrder(FolderData data, long seed) {
    this.data = data;
    this.seed = seed;
  }

  /** The number in the folder of a sample's picture. */
  int image(long position) {
    long e = position / data.trainingSize();
    if (e != epoch) {
      epoch = e;
      order = data.order(e);
    }
    return order[(int) (position % data.trainingSize())];
  }

  /** Whether the picture that {@link #image} has just named is to be mirrored. */
  boolean mirrored(int image) {
    return data.flips() && new SampleRandom(seed, epoch, image).uniform(FLIP) < 0.5;
  }
}
