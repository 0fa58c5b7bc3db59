package io.github.eqvae.bench.gpu;

import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/** Encoder or decoder without gradients. */
final class CodingTask extends Task {
  private AutoencoderKl vae;
  private Tensor x;
  private boolean encode;

  CodingTask(Case c, Device device) {
    super(c, device);
  }

  @Override
  void prepare(Case c, Device device) {
    vae = new AutoencoderKl(StepTask.config(c), stream, 1, false);
    vae.computeIn(activations);
    if (activations == DType.BF16) {
      vae.parameters().keepPacked(stream);
    }
    encode = c.kind().equals("encode");
    int side = vae.config().resolution() / (encode ? 1 : vae.config().downsamplingFactor());
    x =
        inputs.tensor(
            Shape.of(c.integer("batch"), side, side, encode ? 3 : vae.config().embedDim()));
    x.normal(stream, 1, 1, 0, 0.5);
  }

  @Override
  long parameters() {
    return vae.parameters().count();
  }

  @Override
  void enqueue() {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    if (encode) {
      vae.encode(tape, x);
    } else {
      vae.decode(tape, x);
    }
    arena.reset();
  }

  @Override
  public void close() {
    if (vae != null) {
      vae.close();
    }
    super.close();
  }
}
