package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;

/**
 * Scales an autoencoder's latents for generators, and reverts it.
 *
 * @param scaling the scaling
 * @param channels channels of the autoencoder's latents
 * @param factor image pixels per latent pixel along a side
 */
record Rescaling(LatentScaling scaling, int channels, int factor) {
  Latents scale(Latents raw) {
    if (!scaling.gathers()) {
      return each(raw, true);
    }
    int p = scaling.patch();
    int h = raw.height();
    int w = raw.width();
    if (h % p != 0 || w % p != 0) {
      throw new EqvaeException.Argument(
          "latents are %d×%d, but this model's generators need patches of %d×%d: use images whose"
                  .formatted(h, w, p, p)
              + " sides are multiples of "
              + factor * p);
    }
    float[] gathered = scaling.gather(raw.values(), h, w, channels);
    return each(new Latents(raw.count(), h / p, w / p, channels * p * p, gathered, false), true);
  }

  Latents unscale(Latents scaled) {
    Latents raw = each(scaled, false);
    if (!scaling.gathers()) {
      return raw;
    }
    int h = raw.height() * scaling.patch();
    int w = raw.width() * scaling.patch();
    float[] spread = scaling.spread(raw.values(), h, w, channels);
    return new Latents(raw.count(), h, w, channels, spread, false);
  }

  private Latents each(Latents latents, boolean scale) {
    float[] in = latents.values();
    float[] out = new float[in.length];
    for (int i = 0; i < out.length; i++) {
      int channel = i % latents.channels();
      out[i] = (float) (scale ? scaling.scale(in[i], channel) : scaling.unscale(in[i], channel));
    }
    return new Latents(
        latents.count(), latents.height(), latents.width(), latents.channels(), out, scale);
  }
}
