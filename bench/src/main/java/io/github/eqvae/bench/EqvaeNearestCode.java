package io.github.eqvae.bench;

import io.github.eqvae.op.VectorQuantize;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/** The nearest codes by eqvae, which also gathers them. */
final class EqvaeNearestCode implements Work {
  private final Device device = Device.open("cpu", Peer.threads());
  private final Stream stream = new Stream(device);
  private final TensorArena inputs = new TensorArena(device, "inputs");
  private final TensorArena arena = new TensorArena(device, "step");
  private final Tensor z;
  private final Tensor codebook;
  private int[] index = {};

  EqvaeNearestCode(int vectors, int codes, int length) {
    z = inputs.tensor(Shape.of(vectors, length));
    codebook = inputs.tensor(Shape.of(codes, length));
    z.set(stream, Numbers.uniform(1, z.shape().elements()));
    codebook.set(stream, Numbers.uniform(2, codebook.shape().elements()));
  }

  @Override
  public void run() {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    index = tape.run(new VectorQuantize(), z, codebook).get(1).toInts(stream);
    arena.reset();
  }

  @Override
  public float[] result() {
    float[] out = new float[index.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = index[i];
    }
    return out;
  }

  @Override
  public void close() {
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
