package io.github.eqvae.latents;

import java.util.Arrays;
import java.util.Optional;

/** What stands behind the mean in {@code moments}. */
public enum MomentsKind {
  /** The standard deviation, as {@code eqvae encode} writes it. */
  STD("mean, std"),
  /** The logarithm of the variance, as the encoder gives it and MAR's caches keep it. */
  LOG_VARIANCE("mean, log variance");

  /** What files call it. */
  public static final String KEY = "moments_kind";

  private final String text;

  MomentsKind(String text) {
    this.text = text;
  }

  /**
   * What files say.
   *
   * @return the text
   */
  public String text() {
    return text;
  }

  /**
   * The kind that a file says.
   *
   * @param said its text
   * @return empty for another text
   */
  public static Optional<MomentsKind> of(String said) {
    return Arrays.stream(values()).filter(kind -> kind.text.equals(said)).findFirst();
  }

  /**
   * What moments are that do not say it: a standard deviation is never negative, and logarithms of
   * variances of autoencoders nearly always are.
   *
   * @param moments {@code [N, 2C, …]}
   * @param half numbers of the mean of one image, as many as of what is behind it
   * @return empty if both are possible: then it must be asked
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
