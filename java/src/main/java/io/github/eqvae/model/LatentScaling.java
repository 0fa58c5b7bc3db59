package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import java.util.List;

/**
 * How latents are brought to about zero mean and unit variance before a generator sees them: {@code
 * (z − shift_factor) · scaling_factor}, and with per-channel statistics {@code (z − mean) ·
 * scaling_factor / std}. The names are diffusers'. A generator is bound to the factor that it was
 * trained with.
 *
 * @param scalingFactor {@code scaling_factor}: 0.18215 for SD-VAE
 * @param shiftFactor {@code shift_factor}: 0 where diffusers has null
 * @param mean {@code latents_mean}, one per channel; empty where diffusers has null
 * @param std {@code latents_std}, one per channel; empty where diffusers has null
 */
public record LatentScaling(
    double scalingFactor, double shiftFactor, List<Double> mean, List<Double> std) {
  /** Checks that the numbers can be used. */
  public LatentScaling {
    mean = List.copyOf(mean);
    std = List.copyOf(std);
    if (!(scalingFactor > 0) || !Double.isFinite(scalingFactor) || !Double.isFinite(shiftFactor)) {
      throw new EqvaeException.Argument(
          "scaling_factor "
              + scalingFactor
              + " with shift_factor "
              + shiftFactor
              + ": expected a positive number and a finite one");
    }
    if (mean.size() != std.size()) {
      throw new EqvaeException.Argument(
          "latents_mean has "
              + mean.size()
              + " numbers, latents_std "
              + std.size()
              + "; expected one per channel in both");
    }
  }

  /**
   * Without statistics per channel, as in most models.
   *
   * @param scalingFactor {@code scaling_factor}
   * @param shiftFactor {@code shift_factor}, 0 for none
   * @return the scaling
   */
  public static LatentScaling of(double scalingFactor, double shiftFactor) {
    return new LatentScaling(scalingFactor, shiftFactor, List.of(), List.of());
  }

  /**
   * From the autoencoder to the generator.
   *
   * @param z a value of the latent
   * @param channel its channel
   * @return the scaled value
   */
  public double scale(double z, int channel) {
    return mean.isEmpty()
        ? (z - shiftFactor) * scalingFactor
        : (z - mean.get(channel)) * scalingFactor / std.get(channel);
  }

  /**
   * From the generator back to the autoencoder.
   *
   * @param z a scaled value
   * @param channel its channel
   * @return the value of the latent
   */
  public double unscale(double z, int channel) {
    return mean.isEmpty()
        ? z / scalingFactor + shiftFactor
        : z * std.get(channel) / scalingFactor + mean.get(channel);
  }
}
