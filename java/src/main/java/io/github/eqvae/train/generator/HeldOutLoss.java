package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The loss on held-out latents, each at one time in every quarter of the clock. Times and noise of
 * each latent are fixed, so that measurements can be compared.
 */
final class HeldOutLoss {
  /** The largest number of latents that are measured. */
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

  /** A time in a part of the clock, evenly: the logistic of ln(u/(1 − u)) is u. */
  double time(int sample, int part, int parts) {
    double u = (part + (sample + 1) * GOLDEN % 1) / parts;
    return loss.time(u, Math.log(u / (1 - u)));
  }

  /**
   * Measures.
   *
   * @param network the network with the weights that are in place
   * @return {@code loss}, and that of each quarter
   */
  Map<String, Double> measure(Denoising network) {
    double[] quarters = byPart(network, Math.min(MOST, data.heldOut().length), QuarterLosses.COUNT);
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("loss", Arrays.stream(quarters).average().orElseThrow());
    for (int q = 0; q < quarters.length; q++) {
      values.put(QuarterLosses.name(q), quarters[q]);
    }
    return values;
  }

  /**
   * Measures parts of the clock.
   *
   * @param network the network
   * @param count how many of the held-out latents
   * @param parts of the clock, equally long
   * @return the mean loss in each
   */
  double[] byPart(Denoising network, int count, int parts) {
    double[] sums = new double[parts];
    int batch = recipe.samples().batch();
    for (int from = 0; from < count; from += batch) {
      Latents latents = latents(from, Math.min(count, from + batch));
      for (int part = 0; part < parts; part++) {
        double[] times = new double[latents.images().length];
        for (int i = 0; i < times.length; i++) {
          times[i] = time(from + i, part, parts);
        }
        float[] noise = noise(latents, part, parts);
        for (double value :
            network.losses(loss, latents.values(), noise, times, latents.labels())) {
          sums[part] += value;
        }
      }
    }
    return Arrays.stream(sums).map(sum -> sum / count).toArray();
  }

  /**
   * Some held-out latents, as the network sees them.
   *
   * @param images numbers in the folder
   * @param values {@code [N, H, W, C]}
   * @param labels {@code [N]}; 0 for a network without classes
   */
  record Latents(int[] images, float[] values, int[] labels) {}

  /** The held-out latents {@code from} to {@code to}, the latter excluded. */
  Latents latents(int from, int to) {
    int[] images = Arrays.copyOfRange(data.heldOut(), from, to);
    float[] values = new float[images.length * data.elements()];
    int[] labels = new int[images.length];
    for (int i = 0; i < images.length; i++) {
      data.draw(
          images[i], new FixedNoise(recipe.run().seed(), POSTERIOR), values, i * data.elements());
      labels[i] = recipe.model().classes() == 0 ? 0 : data.label(images[i]);
    }
    return new Latents(images, values, labels);
  }

  /** The noise of these latents for one of several parts of the clock. */
  float[] noise(Latents latents, int part, int parts) {
    int each = data.elements();
    float[] noise = new float[latents.values().length];
    for (int i = 0; i < latents.images().length; i++) {
      new FixedNoise(recipe.run().seed(), CORRUPTION)
          .fill((long) latents.images()[i] * parts + part, FixedNoise.START, noise, i * each, each);
    }
    return noise;
  }
}
