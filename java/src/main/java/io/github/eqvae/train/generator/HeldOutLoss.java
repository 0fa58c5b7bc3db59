package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The loss on held-out latents, each at one time in every quarter of the clock and with noise of
 * its own, the same whenever it is measured: figures of two moments can be compared.
 */
final class HeldOutLoss {
  /** Latents that are measured, at most. */
  static final int MOST = 512;

  /** Successive multiples of the golden ratio fill (0, 1) evenly, however many there are. */
  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

  private static final long POSTERIOR = 1;
  private static final long CORRUPTION = 2;

  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final DenoisingLoss loss;

  HeldOutLoss(GeneratorRecipe recipe, LatentData data) {
    this.recipe = recipe;
    this.data = data;
    loss = recipe.process().loss();
  }

  /** A time in a quarter, evenly on the clock: the logistic of ln(u/(1 − u)) is u. */
  private double time(int sample, int quarter) {
    double u = (quarter + (sample + 1) * GOLDEN % 1) / QuarterLosses.COUNT;
    return loss.time(u, Math.log(u / (1 - u)));
  }

  /**
   * Measures.
   *
   * @param network the network with the weights that are in place
   * @return {@code loss}, and that of each quarter
   */
  Map<String, Double> measure(Denoising network) {
    int[] held = data.heldOut();
    int count = Math.min(MOST, held.length);
    int batch = recipe.samples().batch();
    double[] sums = new double[QuarterLosses.COUNT];
    for (int from = 0; from < count; from += batch) {
      int[] images = Arrays.copyOfRange(held, from, Math.min(count, from + batch));
      add(network, images, from, sums);
    }
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("loss", Arrays.stream(sums).sum() / (count * QuarterLosses.COUNT));
    for (int q = 0; q < sums.length; q++) {
      values.put(QuarterLosses.name(q), sums[q] / count);
    }
    return values;
  }

  private void add(Denoising network, int[] images, int first, double[] sums) {
    int n = images.length;
    int each = data.elements();
    float[] latents = new float[n * each];
    float[] noise = new float[n * each];
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      data.draw(images[i], new FixedNoise(recipe.run().seed(), POSTERIOR), latents, i * each);
      labels[i] = recipe.model().classes() == 0 ? 0 : data.label(images[i]);
    }
    for (int q = 0; q < sums.length; q++) {
      double[] times = new double[n];
      for (int i = 0; i < n; i++) {
        times[i] = time(first + i, q);
        new FixedNoise(recipe.run().seed(), CORRUPTION)
            .fill((long) images[i] * sums.length + q, FixedNoise.START, noise, i * each, each);
      }
      for (double value : network.losses(loss, latents, noise, times, labels)) {
        sums[q] += value;
      }
    }
  }
}
