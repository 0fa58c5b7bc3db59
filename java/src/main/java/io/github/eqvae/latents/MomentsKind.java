package io.github.eqvae.latents;

import java.util.Arrays;
import java.util.Optional;

/** The second half of {@code moments}, after the mean. */
public enum MomentsKind {
  /** The standard deviation, as {@code eqvae encode} writes it. */
  STD("mean, std"),
  /** The logarithm of the variance, as encoders return it and MAR's caches store it. */
  LOG_VARIANCE("mean, log variance");

  /** The name of this entry in files. */
  public static final String KEY = "moments_kind";

  private final String text;

  MomentsKind(String text) {
    this.text = text;
  }

  /**
   * The value of this entry in files.
   *
   * @return the text
   */
  public String text() {
    return text;
  }

  /**
   * The kind for the value in a file.
   *
   * @param said the value
   * @return empty for another value
   */
  public static Optional<MomentsKind> of(String said) {
    return Arrays.stream(values()).filter(kind -> kind.text.equals(said)).findFirst();
  }

  /**
   * Guesses the kind of moments in a file without this entry: a standard deviation is never
   * negative, and an autoencoder's log variances nearly always are.
   *
   * @param moments {@code [N, 2C, …]}
   * @param half numbers in the mean of one image
   * @return empty if both kinds are possible: then the user must say it
   */
  public static Optional<MomentsKind> recognise(float[] moments, int half) {
    for (int i = half; i < moments.length; i += 2 * half) {
      for (int j = i; j < i + half; j++) {
        if (moments[j] < 0) {
          return Optional.of(LOG_VARIANCE);
        }
      }
    }
    return Optional.empty();
  }
}
