package io.github.eqvae.eval;

/**
 * Mean and standard deviation of latents, per channel and overall, summed in double precision over
 * any number of batches.
 */
public final class LatentStatistics {
  private final double[] sum;
  private final double[] squares;
  private final PatchStatistics patches;
  private final LatentRange range;
  private long count;

  /**
   * Creates empty statistics.
   *
   * @param channels channels of the latent
   */
  public LatentStatistics(int channels) {
    sum = new double[channels];
    squares = new double[channels];
    patches = new PatchStatistics(channels);
    range = new LatentRange(channels);
  }

  /**
   * Adds latents.
   *
   * @param latents {@code [N, h, w, channels]}
   */
  public void add(float[] latents) {
    int c = sum.length;
    if (latents.length % c != 0) {
      throw new IllegalArgumentException(
          latents.length + " values are not whole latents of " + c + " channels");
    }
    for (int i = 0; i < latents.length; i++) {
      sum[i % c] += latents[i];
      squares[i % c] += (double) latents[i] * latents[i];
    }
    count += latents.length / c;
    range.add(latents);
  }

  /**
   * Adds square latents, also to the statistics of {@link #patches()}.
   *
   * @param latents {@code [N, side, side, channels]}
   * @param side side of each latent
   */
  public void add(float[] latents, int side) {
    add(latents);
    patches.add(latents, side);
  }

  /**
   * Statistics of patches of 2×2.
   *
   * @return statistics of all latents that were added with their side
   */
  public PatchStatistics patches() {
    return patches;
  }

  /**
   * Smallest and largest values.
   *
   * @return of all latents
   */
  public LatentRange range() {
    return range;
  }

  /**
   * Number of channels.
   *
   * @return channels
   */
  public int channels() {
    return sum.length;
  }

  /**
   * Mean of a channel.
   *
   * @param channel the channel
   * @return its mean
   */
  public double mean(int channel) {
    return sum[channel] / count;
  }

  /**
   * Standard deviation of a channel.
   *
   * @param channel the channel
   * @return its biased standard deviation
   */
  public double std(int channel) {
    double m = mean(channel);
    return Math.sqrt(Math.max(0, squares[channel] / count - m * m));
  }

  /**
   * Mean over all channels: the recommended shift factor.
   *
   * @return the mean
   */
  public double mean() {
    double total = 0;
    for (double s : sum) {
      total += s;
    }
    return total / (count * (double) sum.length);
  }

  /**
   * Standard deviation over all channels together.
   *
   * @return the biased standard deviation
   */
  public double std() {
    double total = 0;
    for (double s : squares) {
      total += s;
    }
    double m = mean();
    return Math.sqrt(Math.max(0, total / (count * (double) sum.length) - m * m));
  }

  /**
   * The factor for latents (after subtracting {@link #mean()}) that gives a generator's input unit
   * variance. SD-VAE's published 0.18215 is this number for that model; each model has its own.
   *
   * @return 1/std
   */
  public double scalingFactor() {
    return 1 / std();
  }
}
