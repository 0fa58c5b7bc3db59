package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Smallest and largest value of each channel of latents: which channels are the same at every place
 * of every picture, so that nothing may be divided by their deviation. Sums do not tell it, because
 * those of equal numbers are rounded.
 */
public final class LatentRange {
  /** What the last layers of an encoder in fp32 may round differently. */
  private static final double ROUNDING = 1e-6;

  private final float[] smallest;
  private final float[] largest;
  private long values;

  /**
   * No latents yet.
   *
   * @param channels channels of the latent
   */
  public LatentRange(int channels) {
    smallest = new float[channels];
    largest = new float[channels];
    Arrays.fill(smallest, Float.POSITIVE_INFINITY);
    Arrays.fill(largest, Float.NEGATIVE_INFINITY);
  }

  /**
   * Adds latents.
   *
   * @param latents {@code [N, h, w, channels]}
   */
  public void add(float[] latents) {
    int c = smallest.length;
    for (int i = 0; i < latents.length; i++) {
      smallest[i % c] = Math.min(smallest[i % c], latents[i]);
      largest[i % c] = Math.max(largest[i % c], latents[i]);
    }
    values += latents.length / c;
  }

  /**
   * The channels that are the same everywhere.
   *
   * @return their numbers; none of fewer than two values
   */
  public List<Integer> constant() {
    return values < 2
        ? List.of()
        : IntStream.range(0, smallest.length).filter(this::isConstant).boxed().toList();
  }

  /**
   * Whether there is nothing but one and the same vector.
   *
   * @return true if every channel is the same everywhere
   */
  public boolean isConstant() {
    return constant().size() == smallest.length;
  }

  private boolean isConstant(int c) {
    double size = Math.max(Math.abs(smallest[c]), Math.abs(largest[c]));
    return (double) largest[c] - smallest[c] <= ROUNDING * size; // false for NaN
  }

  /**
   * Insists on one channel that is not the same everywhere.
   *
   * @param model what made the latents, for the message
   * @throws EqvaeException.Argument if there is none
   */
  public void requireContent(String model) {
    if (isConstant()) {
      throw new EqvaeException.Argument(
          model
              + ": the latents are the same everywhere, in every picture (by channel: "
              + Arrays.toString(smallest)
              + "). Its encoder ignores what it sees, or the pictures show nothing. Look at its"
              + " last layers (encoder.conv_out, quant_conv): are they all zeros?");
    }
  }
}
