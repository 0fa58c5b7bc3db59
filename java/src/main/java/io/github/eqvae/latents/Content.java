package io.github.eqvae.latents;

/** What is kept of each image. */
public enum Content {
  /** The mean of the posterior, {@code [C, h, w]}. */
  MODE,
  /** One sample of the posterior, {@code [C, h, w]}. */
  SAMPLE,
  /** Mean and standard deviation, {@code [2C, h, w]}: every epoch can draw its own samples. */
  MOMENTS,
  /** Numbers of the nearest codes, {@code [h, w]}, of a model with a codebook. */
  CODES;

  /**
   * What arrays of it are called in files.
   *
   * @return the name
   */
  public String key() {
    return switch (this) {
      case MODE, SAMPLE -> "latents";
      case MOMENTS -> "moments";
      case CODES -> "codes";
    };
  }
}
