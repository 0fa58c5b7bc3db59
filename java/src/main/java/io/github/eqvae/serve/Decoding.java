package io.github.eqvae.serve;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.DecoderStages;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Decodes for {@link Vae}, whole images or tiles. */
final class Decoding {
  private final Autoencoder model;
  private final Batches batches;
  private final @Nullable Tiling tiling;

  Decoding(Autoencoder model, Batches batches, @Nullable Tiling tiling) {
    this.model = model;
    this.batches = tiling == null ? batches : batches.single();
    this.tiling = tiling;
  }

  /** Decodes latents, which a discrete model quantises first. */
  ImageBatch latents(Latents raw) {
    return images(
        raw.count(),
        raw.height(),
        raw.width(),
        (session, from, to) -> {
          Latents part = raw.part(from, to);
          Shape shape = Shape.of(part.count(), part.height(), part.width(), part.channels());
          Tape tape = session.tape();
          Tensor z = session.upload(shape, part.values());
          return decode(session, tape, model.bottleneck(tape, z).value());
        });
  }

  /**
   * Decodes codes.
   *
   * @param table the vectors of all codes, {@code [n_embed, embed_dim]}
   */
  ImageBatch codes(Codes codes, float[] table) {
    int c = model.config().embedDim();
    return images(
        codes.count(),
        codes.height(),
        codes.width(),
        (session, from, to) -> {
          Codes part = codes.part(from, to);
          float[] vectors = new float[part.indices().length * c];
          for (int i = 0; i < part.indices().length; i++) {
            System.arraycopy(table, part.indices()[i] * c, vectors, i * c, c);
          }
          Shape shape = Shape.of(part.count(), part.height(), part.width(), c);
          return decode(session, session.tape(), session.upload(shape, vectors));
        });
  }

  private float[] decode(Session session, Tape tape, Tensor value) {
    if (tiling == null) {
      return session.download(model.decode(tape, value));
    }
    DecoderStages stages = model.decoderStages();
    Tensor x = tape.keep(stages.middle(tape, value));
    tape.releaseAll();
    int pixels = model.config().downsamplingFactor() * value.shape().size(1) / x.shape().size(1);
    return session.download(new TiledStages(stages, session, tiling).run(x, pixels));
  }

  private ImageBatch images(int count, int h, int w, Batches.Work<float[]> work) {
    int f = model.config().downsamplingFactor();
    int c = model.config().outChannels();
    int each = Math.multiplyExact(Math.multiplyExact(h * f, w * f), c);
    float[] out = new float[Math.multiplyExact(count, each)];
    batches.each(
        count, work, (from, part) -> System.arraycopy(part, 0, out, from * each, part.length));
    return new ImageBatch(count, h * f, w * f, c, out);
  }
}
