package io.github.eqvae.bench;

import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;

/**
 * A diffusion transformer at work: SiT's step (the velocity's squared error, AdamW, the average),
 * or a forward pass without gradients.
 *
 * @param config the network
 * @param batch latents at once
 * @param training whether a step is made, else a forward pass
 */
record DitSetting(DitConfig config, int batch, boolean training) {
  static final double LEARNING_RATE = 1e-4;
  static final double EMA_DECAY = 0.9999;

  /** {@code model}: {@code S/2}, {@code B/4} …, for latents of 32×32×4; {@code tiny} for tests. */
  static DitSetting of(String model, int batch, boolean training) {
    if (model.equals("tiny")) {
      DitConfig tiny =
          new DitConfig(4, 8, 2, 32, 2, 4, 4, 5, true, true, false, false, false, false, true);
      return new DitSetting(tiny, batch, training);
    }
    String[] parts = model.split("/");
    DitConfig config = DitConfig.of(DitSize.valueOf(parts[0]), Integer.parseInt(parts[1]));
    return new DitSetting(config, batch, training);
  }

  private int latent() {
    return batch * config.side() * config.side() * config.channels();
  }

  /** NHWC. */
  float[] latents() {
    return Numbers.uniform(5, latent());
  }

  /** The network's target, NHWC. */
  float[] velocities() {
    return Numbers.uniform(6, latent());
  }

  float[] times() {
    float[] t = new float[batch];
    for (int i = 0; i < batch; i++) {
      t[i] = (i + 0.5f) / batch;
    }
    return t;
  }

  int[] labels() {
    int[] y = new int[batch];
    for (int i = 0; i < batch; i++) {
      y[i] = i % config.labels();
    }
    return y;
  }
}
