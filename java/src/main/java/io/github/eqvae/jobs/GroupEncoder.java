package io.github.eqvae.jobs;

import io.github.eqvae.data.Sample;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.io.Image;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Moments;
import io.github.eqvae.serve.Posterior;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.util.List;
import java.util.Optional;

/**
 * Encodes groups of images for a shard.
 *
 * @param vae the model
 * @param features extracts features of the same squares
 * @param options what is stored
 * @param tiling for large images
 * @param dead looks at all latents
 */
record GroupEncoder(
    Vae vae,
    Optional<PatchFeatures> features,
    EncodeOptions options,
    Optional<Tiling> tiling,
    DeadEncoder dead) {
  /**
   * Encodes images.
   *
   * @param shard receives their latents
   * @param images the squares
   * @param samples what they are squares of
   * @param suffix of the arrays' names
   * @param first the number of the first one's noise
   */
  void add(
      ShardBuilder shard, List<Image> images, List<Sample> samples, String suffix, long first) {
    features.ifPresent(f -> shard.add(FeatureGrid.KEY + suffix, f.of(images), f.side(), f.width()));
    ImageBatch batch =
        ImageBatch.ofImages(
            images.stream().map(image -> image.withChannels(vae.imageChannels())).toList());
    switch (options.content()) {
      case CODES -> {
        Codes codes = tiling.map(t -> vae.codes(batch, t)).orElseGet(() -> vae.codes(batch));
        dead.add(images, codes.indices());
        shard.add(Content.CODES.key() + suffix, codes);
      }
      case MOMENTS -> {
        Moments m = tiling.map(t -> vae.moments(batch, t)).orElseGet(() -> vae.moments(batch));
        FiniteLatents.require(samples, m.mean());
        FiniteLatents.require(samples, m.std());
        dead.add(images, m.mean(), m.channels());
        shard.add(Content.MOMENTS.key() + suffix, m);
      }
      case MODE, SAMPLE -> {
        Posterior posterior =
            options.content() == Content.MODE
                ? Posterior.mode()
                : Posterior.sample(options.seed()).from(first);
        Latents z =
            tiling
                .map(t -> vae.encode(batch, posterior, t))
                .orElseGet(() -> vae.encode(batch, posterior));
        FiniteLatents.require(samples, z.values());
        dead.add(images, z.values(), z.channels());
        Latents kept = options.scaled() ? vae.scale(z) : z;
        FiniteLatents.requireScaled(samples, kept.values());
        shard.add(Content.MODE.key() + suffix, kept, z);
      }
    }
  }
}
