package io.github.eqvae.eval;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.SpectrumMatching;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import org.jspecify.annotations.Nullable;

/** Plans the memory of {@link Evaluator#measure} with one pass. */
final class EvaluatorMemory {
  /** More bytes than any device has: a planning device reserves only addresses. */
  private static final long PLANNED = 1L << 45;

  private EvaluatorMemory() {}

  static long plan(Autoencoder vae, @Nullable Lpips lpips, Stream stream, int batch, int side) {
    try (TensorArena arena = new TensorArena(stream.device(), "evaluation")) {
      arena.reserve(PLANNED);
      Shape shape = Shape.of(batch, side, side, vae.config().inChannels());
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor images = arena.tensor(shape);
      Tensor z = vae.mode(tape, vae.encode(tape, images));
      Tensor value = arena.tensor(vae.bottleneck(tape, z).value().shape());
      tape.releaseAll();
      vae.decode(tape, value);
      arena.reset();
      tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      images = arena.tensor(shape);
      Tensor transformed = arena.tensor(shape);
      for (int i = 0; i < 3; i++) {
        arena.tensor(value.shape()); // z, and both sides of its equivariance error
      }
      vae.encode(tape, transformed); // the images are still there, for the next τ
      tape.releaseAll();
      try (SpectrumMatching matching = MatchedSpectra.matching(vae, stream, side)) {
        matching.forward(tape, images, arena.tensor(value.shape()));
      }
      tape.releaseAll();
      if (lpips != null) {
        lpips.forward(tape, images, transformed);
      }
      arena.reset();
      return arena.extent();
    }
  }
}
