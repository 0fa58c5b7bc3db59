package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * Classifier-free guidance (Ho and Salimans 2022): {@code u + scale · (c − u)} of the outputs c
 * with a label and u without one.
 *
 * <p>The released DiT and SiT guide only the first three of the latents' four channels, also for
 * their published results. Channels without guidance, and the variance, are the output with the
 * label.
 *
 * @param scale the guidance scale; 1 means no guidance
 * @param channels the number of guided channels, from the first; {@link #ALL} for all
 * @param from guidance is applied from this time on, inclusive
 * @param to guidance is applied up to this time, inclusive
 */
public record Guidance(double scale, int channels, double from, double to) {
  /** All channels of the latent. */
  public static final int ALL = Integer.MAX_VALUE;

  /** The number of channels that the references guide. */
  public static final int AS_RELEASED = 3;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when the scale is not finite, there is no channel, or the
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
   * @param scale the guidance scale; 1 means no guidance
   * @return the guidance
   */
  public static Guidance of(double scale) {
    return new Guidance(scale, ALL, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  /**
   * Adds guidance to a network.
   *
   * @param labelled the network with the labels
   * @param unlabelled the network with the null label
   * @param latentChannels C of the latents
   * @return a network that evaluates both; the second one only when guidance is applied
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
