package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import java.io.IOException;
import java.util.List;

/**
 * How well tokens of held-out latents are aligned with the features of their pictures. Each latent
 * has a fixed time and fixed noise, so that measurements can be compared.
 */
final class HeldOutAlignment {
  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final DenoisingLoss loss;
  private final HeldOutLoss held;

  HeldOutAlignment(GeneratorRecipe recipe, LatentData data) {
    this.recipe = recipe;
    this.data = data;
    loss = recipe.process().loss();
    held = new HeldOutLoss(recipe, data);
  }

  /**
   * Measures.
   *
   * @param network the network with the weights that are in place
   * @return −cos, the mean over tokens and latents
   * @throws IOException when a picture cannot be read
   */
  double measure(Denoising network) throws IOException {
    int count = Math.min(HeldOutLoss.MOST, data.heldOut().length);
    int batch = recipe.samples().batch();
    double sum = 0;
    for (int from = 0; from < count; from += batch) {
      HeldOutLoss.Latents latents = held.latents(from, Math.min(count, from + batch));
      double[] times = new double[latents.images().length];
      for (int i = 0; i < times.length; i++) {
        times[i] = held.time(from + i, 0, 1);
      }
      List<float[]> said =
          network.features(
              loss, latents.values(), held.noise(latents, 0, 1), times, latents.labels());
      sum += cosines(latents.images(), said);
    }
    return -sum / count;
  }

  /** The sum over latents of the mean over their tokens, and the mean of that over networks. */
  private double cosines(int[] images, List<float[]> said) throws IOException {
    List<float[]> wanted = said.stream().map(s -> new float[s.length]).toList();
    data.targets().orElseThrow().read(images, new boolean[images.length], wanted);
    int tokens = recipe.model().config().tokens();
    double sum = 0;
    for (int k = 0; k < said.size(); k++) {
      int width = recipe.alignment().width().get(k);
      double own = 0;
      for (int t = 0; t < images.length * tokens; t++) {
        own += cosine(said.get(k), t * width, wanted.get(k), t * width, width) / tokens;
      }
      sum += own / said.size();
    }
    return sum;
  }

  private static double cosine(float[] a, int at, float[] b, int from, int width) {
    double product = 0;
    double lengthA = 0;
    double lengthB = 0;
    for (int k = 0; k < width; k++) {
      double x = a[at + k];
      double y = b[from + k];
      product += x * y;
      lengthA += x * x;
      lengthB += y * y;
    }
    return lengthA == 0 || lengthB == 0 ? 0 : product / Math.sqrt(lengthA * lengthB);
  }
}
