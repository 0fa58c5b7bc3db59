package io.github.eqvae.train.autoencoder;

import io.github.eqvae.data.EpochOrder;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/**
 * Codes that start among the latents: {@code model.quantize.init: data}. Codes that start near 0
 * are far from all latents: they are never the nearest ones, and stay unused. A small codebook
 * loses most of its codes in this way in its first steps.
 */
final class CodebookStart {
  private CodebookStart() {}

  /**
   * Replaces the codes by vectors of the encoded images, drawn without repetition.
   *
   * @param vq has an encoder already
   * @param stream orders the work
   * @param arena for the encoder's results; is reset
   * @param images {@code [N, H, W, C]}, with at least as many latent vectors as there are codes
   * @param seed of the draw
   */
  static void fromLatents(VqModel vq, Stream stream, TensorArena arena, Tensor images, long seed) {
    Tensor z = vq.encode(new Tape(stream, arena, Tape.Mode.INFERENCE), images);
    float[] vectors = z.toFloats(stream);
    arena.reset();
    int codes = vq.codebook().shape().size(0);
    int width = vq.codebook().shape().size(1);
    int[] order = EpochOrder.permutation(seed, 0, vectors.length / width);
    float[] start = new float[codes * width];
    for (int i = 0; i < codes; i++) {
      System.arraycopy(vectors, order[i] * width, start, i * width, width);
    }
    vq.codebook().value().set(stream, start);
  }
}
