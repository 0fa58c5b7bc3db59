package io.github.eqvae.bench;

import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** An operation of eqvae, through the tape as in training. */
final class EqvaeKernel implements Work {
  private final KernelSpec spec;
  private final Device device;
  private final Stream stream;
  private final TensorArena inputs;
  private final TensorArena arena;
  private final Tensor[] x;
  private final Tape recorded;
  private final Tensor y;
  private final Tensor dy;
  private List<Tensor> results = List.of();

  EqvaeKernel(KernelSpec spec, String deviceName, String dtype) {
    this.spec = spec;
    device = Device.open(deviceName, deviceName.equals("cpu") ? Peer.threads() : 0);
    stream = new Stream(device);
    inputs = new TensorArena(device, "inputs");
    arena = new TensorArena(device, "step");
    DType activations = DType.valueOf(dtype.toUpperCase(java.util.Locale.ROOT));
    x = new Tensor[spec.inputs().size()];
    for (int i = 0; i < x.length; i++) {
      x[i] = place(i, spec.inputs().get(i), i < spec.activations() ? activations : DType.F32);
    }
    recorded = new Tape(stream, inputs, spec.isForward() ? Tape.Mode.INFERENCE : Tape.Mode.RECORD);
    for (int i : spec.wanted()) {
      recorded.watch(x[i]);
    }
    y = recorded.apply(spec.op(), x);
    dy = place(x.length, y.shape(), y.dtype());
  }

  private Tensor place(int number, Shape shape, DType dtype) {
    Tensor single = arena.tensor(shape, DType.F32);
    single.set(stream, KernelSpec.values(number, shape.elements()));
    Tensor out = inputs.tensor(shape, dtype);
    single.copyTo(stream, out);
    return out;
  }

  @Override
  public void run() {
    results.forEach(t -> t.arena().release(t));
    if (spec.isForward()) {
      results = List.of(new Tape(stream, arena, Tape.Mode.INFERENCE).apply(spec.op(), x));
    } else {
      List<Tensor> wanted = Arrays.stream(spec.wanted()).mapToObj(i -> x[i]).toList();
      Map<Tensor, Tensor> found = recorded.gradients(List.of(new Seed(y, dy)), wanted);
      results = wanted.stream().map(found::get).toList();
    }
    stream.sync();
  }

  @Override
  public float[] result() {
    List<float[]> parts = new ArrayList<>();
    for (Tensor t : results) {
      Tensor single = arena.tensor(t.shape(), DType.F32);
      t.copyTo(stream, single);
      parts.add(single.toFloats(stream));
      arena.release(single);
    }
    return Weights.flat(parts);
  }

  @Override
  public void close() {
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
