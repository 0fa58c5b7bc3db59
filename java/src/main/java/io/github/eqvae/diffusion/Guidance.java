package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * Classifier-free guidance (Ho and Salimans 2022): away from what the network says without a label,
 * {@code u + scale · (c − u)}.
 *
 * <p>The released DiT and SiT guide the first three channels only, of latents that have four; their
 * published figures were made so. What is not guided (further channels, the variance) is what the
 * network says with the label.
 *
 * @param scale 1 is none
 * @param channels how many of a latent's channels are guided, from the first; {@link #ALL} for all
 * @param from guided from this time on, the time included
 * @param to guided up to this time, the time included
 */
public record Guidance(double scale, int channels, double from, double to) {
  /** All channels of the latent. */
  public static final int ALL = Integer.MAX_VALUE;

  /** What the references guide. */
  public static final int AS_RELEASED = 3;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when the scale is no number, no channel is left, or the
   *     interval is empty
   */
  public Guidance {
    if (!Double.isFinite(scale) || channels < 1 || !(from <= to)) {
      throw new EqvaeException.Argument(
          "Guidance needs a finite scale, at least one channel and an interval that is not empty;"
              + " got scale "
              + scale
              + ", "
              + channels
              + " channels, times from "
              + from
              + " to "
              + to);
    }
  }

  /**
   * Guidance of all channels at all times.
   *
   * @param scale 1 is none
   * @return the guidance
   */
  public static Guidance of(double scale) {
    return new Guidance(scale, ALL, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  /**
   * A guided network.
   *
   * @param labelled the network with the labels wanted
   * @param unlabelled the network with the null label
   * @param latentChannels C of the latents
   * @return asks both; the second only where the guidance changes something
   */
  public Denoiser guide(Denoiser labelled, Denoiser unlabelled, int latentChannels) {
    return new Guided(this, labelled, unlabelled, latentChannels);
  }

  private record Guided(Guidance by, Denoiser labelled, Denoiser unlabelled, int latentChannels)
      implements Denoiser {
    @Override
    public float[] predict(float[] x, double time) {
      return predict(x, time, time);
    }

    @Override
    public float[] predict(float[] x, double time, double stepStart) {
      float[] with = labelled.predict(x, time);
      if (by.scale == 1 || stepStart < by.from || stepStart > by.to) {
        return with;
      }
      float[] without = unlabelled.predict(x, time);
      int guided = Math.min(by.channels, latentChannels);
      int each = (int) ((long) with.length * latentChannels / x.length);
      float[] out = with.clone();
      for (int place = 0; place < with.length; place += each) {
        for (int c = 0; c < guided; c++) {
          int i = place + c;
          out[i] = without[i] + (float) by.scale * (with[i] - without[i]);
        }
      }
      return out;
    }
  }
}
