package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import java.util.List;

/**
 * How latents are scaled to about zero mean and unit variance for a generator: {@code (z −
 * shift_factor) · scaling_factor}, and with per-channel statistics {@code (z − mean) ·
 * scaling_factor / std}. The names are diffusers'. A generator works only with the factor it was
 * trained with.
 *
 * <p>FLUX.2 first moves the four values of each channel in a square of 2×2 into channels (channel
 * c·4 + row·2 + column), and has statistics for each of these: an affine-free batch norm, whose
 * running variance v is {@code std² − eps}.
 *
 * @param scalingFactor {@code scaling_factor}: 0.18215 for SD-VAE
 * @param shiftFactor {@code shift_factor}: 0 if diffusers has null
 * @param mean {@code latents_mean}, one per channel; empty if diffusers has null
 * @param std {@code latents_std}, one per channel; empty if diffusers has null
 * @param patch side of the squares that are gathered, 1 for none; if it is 2, statistics have 4
 *     times as many channels
 * @param eps the number that a batch norm adds to the variance; 0 without one
 */
public record LatentScaling(
    double scalingFactor,
    double shiftFactor,
    List<Double> mean,
    List<Double> std,
    int patch,
    double eps) {
  /**
   * Largest rounding error of a deviation relative to the mean: for 10⁸ equal numbers, in double.
   */
  private static final double ROUNDING = 1e-4;

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
    for (int i = 0; i < std.size(); i++) {
      if (!(std.get(i) > 0) || !Double.isFinite(std.get(i)) || !Double.isFinite(mean.get(i))) {
        throw new EqvaeException.Argument(
            ("channel %d has latents_mean %s and latents_std %s: expected finite numbers, the"
                    + " second above 0")
                .formatted(i, mean.get(i), std.get(i)));
      }
    }
  }

  /**
   * Without squares.
   *
   * @param scalingFactor {@code scaling_factor}
   * @param shiftFactor {@code shift_factor}
   * @param mean {@code latents_mean}
   * @param std {@code latents_std}
   */
  public LatentScaling(
      double scalingFactor, double shiftFactor, List<Double> mean, List<Double> std) {
    this(scalingFactor, shiftFactor, mean, std, 1, 0);
  }

  /**
   * FLUX.2's: a batch norm of the squares.
   *
   * @param mean {@code running_mean}
   * @param variance {@code running_var}
   * @param patch side of the squares
   * @param eps {@code batch_norm_eps}
   * @return the scaling
   * @throws EqvaeException.Argument if a variance is not a positive number
   */
  public static LatentScaling batchNorm(
      List<Double> mean, List<Double> variance, int patch, double eps) {
    for (int i = 0; i < variance.size(); i++) {
      double v = variance.get(i) + eps;
      if (!(v > 0) || !Double.isFinite(v) || !Double.isFinite(mean.get(i))) {
        throw new EqvaeException.Argument(
            "channel "
                + i
                + " has the mean "
                + mean.get(i)
                + " and the variance "
                + variance.get(i)
                + ": expected finite numbers, the variance above 0");
      }
    }
    return new LatentScaling(
        1, 0, mean, variance.stream().map(v -> Math.sqrt(v + eps)).toList(), patch, eps);
  }

  /**
   * Scaling without statistics per channel, as in most models.
   *
   * @param scalingFactor {@code scaling_factor}
   * @param shiftFactor {@code shift_factor}, 0 for none
   * @return the scaling
   */
  public static LatentScaling of(double scalingFactor, double shiftFactor) {
    return new LatentScaling(scalingFactor, shiftFactor, List.of(), List.of());
  }

  /**
   * Scaling by measured statistics of each channel.
   *
   * @param what has them, for messages
   * @param mean by channel
   * @param std by channel
   * @return the scaling
   * @throws EqvaeException.Argument if a channel is the same everywhere, or the lists do not fit
   */
  public static LatentScaling channels(String what, List<Double> mean, List<Double> std) {
    for (int c = 0; c < Math.min(mean.size(), std.size()); c++) {
      requireDeviation(what + ": channel " + c + " of the latents", mean.get(c), std.get(c));
    }
    return new LatentScaling(1, 0, mean, std);
  }

  /**
   * Whether a measured deviation is no larger than the rounding error of equal numbers.
   *
   * @param mean of the numbers
   * @param std their measured standard deviation
   * @return true if they are the same but for rounding
   */
  public static boolean isConstant(double mean, double std) {
    return std <= ROUNDING * Math.abs(mean);
  }

  /**
   * Checks that a deviation can be used as a divisor.
   *
   * @param what has it, for the message
   * @param mean of the latents
   * @param std their measured standard deviation
   * @return the deviation
   * @throws EqvaeException.Argument if the latents are the same everywhere
   */
  public static double requireDeviation(String what, double mean, double std) {
    if (isConstant(mean, std)) {
      throw new EqvaeException.Argument(
          what
              + " is the same everywhere (mean "
              + mean
              + ", standard deviation "
              + std
              + "), so that nothing can be divided by its deviation");
    }
    return std;
  }

  /**
   * Checks that there are statistics for every channel.
   *
   * @param channels of the autoencoder's latents
   * @return this
   * @throws EqvaeException.Argument if there are statistics of another number of channels
   */
  public LatentScaling requireChannels(int channels) {
    if (!mean.isEmpty() && mean.size() != channels * patch * patch) {
      throw new EqvaeException.Argument(
          "latents_mean and latents_std have "
              + mean.size()
              + " numbers; expected "
              + channels * patch * patch
              + ", one per channel that a generator sees");
    }
    return this;
  }

  /**
   * From the autoencoder to the generator.
   *
   * @param z a value of the latent
   * @param channel its channel, after squares were gathered
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

  /**
   * Whether generators get squares of the latent as one position.
   *
   * @return true for FLUX.2
   */
  public boolean gathers() {
    return patch > 1;
  }

  /**
   * The running variance of a batch norm with this scaling.
   *
   * @param channel its channel
   * @return std² − eps
   */
  public double variance(int channel) {
    return std.get(channel) * std.get(channel) - eps;
  }

  /**
   * Gathers squares into channels.
   *
   * @param z {@code [N, h, w, C]}
   * @param height h, a multiple of the patch
   * @param width w, a multiple of the patch
   * @param channels C
   * @return {@code [N, h / patch, w / patch, C · patch²]}
   */
  public float[] gather(float[] z, int height, int width, int channels) {
    return moved(z, height, width, channels, true);
  }

  /**
   * Spreads channels over squares, the opposite of {@link #gather}.
   *
   * @param z {@code [N, h / patch, w / patch, C · patch²]}
   * @param height h, that of the result
   * @param width w, that of the result
   * @param channels C, those of the result
   * @return {@code [N, h, w, C]}
   */
  public float[] spread(float[] z, int height, int width, int channels) {
    return moved(z, height, width, channels, false);
  }

  private float[] moved(float[] z, int height, int width, int channels, boolean gather) {
    int square = patch * patch;
    int perImage = height * width * channels;
    float[] out = new float[z.length];
    for (int i = 0; i < z.length; i++) { // its position in [N, h, w, C]
      int c = i % channels;
      int x = i / channels % width;
      int y = i / channels / width % height;
      int place = (y / patch) * (width / patch) + x / patch;
      int channel = c * square + y % patch * patch + x % patch;
      int other = i / perImage * perImage + place * channels * square + channel;
      if (gather) {
        out[other] = z[i];
      } else {
        out[i] = z[other];
      }
    }
    return out;
  }
}
