package io.github.eqvae.latents;

/** What a folder of latents stores for each image. */
public enum Content {
  /** The mean of the posterior, {@code [C, h, w]}. */
  MODE,
  /** One sample of the posterior, {@code [C, h, w]}. */
  SAMPLE,
  /** Mean and standard deviation, {@code [2C, h, w]}: every epoch can draw new samples. */
  MOMENTS,
  /** Indices of the nearest codes, {@code [h, w]}, for a model with a codebook. */
  CODES;

  /**
   * The name of such arrays in files.
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
