package io.github.eqvae.bench;

/** A piece of work that is set up once and measured many times. */
interface Work extends AutoCloseable {
  /** Does it once; its result is ready when this returns. */
  void run();

  /** What the last run computed, for comparing peers; rows of NHWC or OIHW numbers. */
  float[] result();

  @Override
  void close();
}
