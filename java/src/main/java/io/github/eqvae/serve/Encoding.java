package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.EncoderStages;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Encodes one batch of images for {@link Vae}, whole or in tiles. */
final class Encoding {
  /** The purpose of this class's noise, which separates it from other random numbers. */
  private static final long NOISE = 0x5EED_1A7E_0000_0000L;

  private final Autoencoder model;
  private final Batches batches;
  private final ImageBatch images;
  private final @Nullable Tiling tiling;
  private final int height;
  private final int width;

  Encoding(Autoencoder model, Batches batches, ImageBatch images, @Nullable Tiling tiling) {
    this.model = model;
    this.batches = tiling == null ? batches : batches.single();
    this.images = images;
    this.tiling = tiling;
    int f = model.config().downsamplingFactor();
    this.height = images.height() / f;
    this.width = images.width() / f;
  }

  Latents latents(Posterior posterior) {
    int c = model.config().embedDim();
    int each = height * width * c;
    float[] out = new float[images.count() * each];
    batches.each(
        images.count(),
        (session, from, to) -> {
          Tape tape = session.tape();
          Tensor encoded = encode(session, tape, from, to);
          Tensor z =
              posterior.samples()
                  ? model.latent(
                      tape,
                      encoded,
                      shape -> noise(tape, shape, posterior, posterior.first() + from))
                  : model.mode(tape, encoded);
          return session.download(z);
        },
        (from, part) -> System.arraycopy(part, 0, out, from * each, part.length));
    return new Latents(images.count(), height, width, c, out, false);
  }

  /** Noise that depends only on the image's number, not on the batches. */
  private static Tensor noise(Tape tape, Shape shape, Posterior posterior, long first) {
    Tensor noise = tape.arena().tensor(shape);
    for (int i = 0; i < shape.size(0); i++) {
      noise.narrow(0, i, 1).normal(tape.stream(), posterior.seed(), NOISE + first + i, 0, 1);
    }
    return noise;
  }

  Moments moments() {
    int c = model.config().embedDim();
    int places = height * width;
    float[] mean = new float[images.count() * places * c];
    float[] std = new float[mean.length];
    batches.each(
        images.count(),
        (session, from, to) -> session.download(encode(session, session.tape(), from, to)),
        (from, part) -> {
          for (int i = 0; i < part.length; i++) {
            int place = from * places + i / (2 * c);
            int channel = i % (2 * c);
            if (channel < c) {
              mean[place * c + channel] = part[i];
            } else {
              std[place * c + channel - c] = (float) Math.exp(0.5 * Math.clamp(part[i], -30f, 20f));
            }
          }
        });
    return new Moments(images.count(), height, width, c, mean, std);
  }

  Codes codes() {
    int places = height * width;
    int[] out = new int[images.count() * places];
    batches.each(
        images.count(),
        (session, from, to) -> {
          Tape tape = session.tape();
          Tensor z = encode(session, tape, from, to);
          Autoencoder.Quantization q = model.bottleneck(tape, z).quantization();
          if (q == null) {
            throw new EqvaeException.Internal("a model with a codebook did not quantise");
          }
          return session.downloadInts(q.index());
        },
        (from, part) -> System.arraycopy(part, 0, out, from * places, part.length));
    return new Codes(images.count(), height, width, out);
  }

  private Tensor encode(Session session, Tape tape, int from, int to) {
    ImageBatch part = images.part(from, to);
    Shape shape = Shape.of(part.count(), part.height(), part.width(), part.channels());
    Tensor x = session.upload(shape, part.pixels());
    if (tiling == null) {
      return model.encode(tape, x);
    }
    EncoderStages stages = model.encoderStages();
    return stages.end(tape, new TiledStages(stages, session, tiling).run(x, 1));
  }
}
