package io.github.eqvae.eval;

import java.util.ArrayList;
import java.util.List;

/**
 * Mean and variance of latents after patches of 2×2 are packed into channels (channel c·4 + row·2 +
 * column), as FLUX.2 normalises its generators' input. A latent with an odd side cannot be divided
 * into patches; then there are no statistics.
 */
public final class PatchStatistics {
  private static final int SIDE = 2;
  private static final int SQUARE = SIDE * SIDE;

  private final double[] sum;
  private final double[] squares;
  private long count;
  private boolean odd;

  /**
   * Creates empty statistics.
   *
   * @param channels channels of the latent
   */
  public PatchStatistics(int channels) {
    sum = new double[SQUARE * channels];
    squares = new double[SQUARE * channels];
  }

  /**
   * Adds latents.
   *
   * @param latents {@code [N, side, side, channels]}
   * @param side their side
   */
  public void add(float[] latents, int side) {
    if (side % SIDE != 0) {
      odd = true;
      return;
    }
    int c = sum.length / SQUARE;
    for (int i = 0; i < latents.length; i++) {
      int column = i / c % side % SIDE;
      int row = i / c / side % SIDE;
      int channel = i % c * SQUARE + row * SIDE + column;
      sum[channel] += latents[i];
      squares[channel] += (double) latents[i] * latents[i];
    }
    count += latents.length / sum.length;
  }

  /**
   * Means of the packed channels.
   *
   * @return 4 per channel; empty if there are none
   */
  public List<Double> mean() {
    List<Double> out = new ArrayList<>();
    for (int i = 0; i < sum.length && !odd && count > 1; i++) {
      out.add(sum[i] / count);
    }
    return out;
  }

  /**
   * Variances of the packed channels.
   *
   * @return 4 per channel, divided by n − 1, like the running variance of a batch norm; empty if
   *     there are none
   */
  public List<Double> variance() {
    List<Double> out = new ArrayList<>();
    for (int i = 0; i < sum.length && !odd && count > 1; i++) {
      double mean = sum[i] / count;
      out.add(Math.max(0, squares[i] - count * mean * mean) / (count - 1));
    }
    return out;
  }
}
