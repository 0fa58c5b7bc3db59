package io.github.eqvae.bench;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;

/** A convolution layer of eqvae, through the tape as in training. */
final class EqvaeConv implements Work {
  private final ConvDirection direction;
  private final Device device = Device.open("cpu", Peer.threads());
  private final Stream stream = new Stream(device);
  private final TensorArena inputs = new TensorArena(device, "inputs");
  private final TensorArena arena = new TensorArena(device, "step");
  private final Conv2d conv;
  private final ParameterStore store;
  private final Tensor x;
  private final Tensor dy;
  private final Tape recorded;
  private final Tensor y;
  private Tensor last;

  EqvaeConv(ConvShape s, ConvDirection direction) {
    this.direction = direction;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    conv =
        new Conv2d(
            builder.root().in("conv"), s.in(), s.out(), 3, new io.github.eqvae.op.Conv2d(1, 1));
    store = builder.build(stream, 1, true);
    conv.weight().value().set(stream, Numbers.uniform(1, 9L * s.in() * s.out()));
    store.get("conv.bias").value().set(stream, Numbers.uniform(2, s.out()));
    x = inputs.tensor(Shape.of(s.batch(), s.side(), s.side(), s.in()));
    x.set(stream, Numbers.uniform(3, x.shape().elements()));
    dy = inputs.tensor(Shape.of(s.batch(), s.side(), s.side(), s.out()));
    dy.set(stream, Numbers.uniform(4, dy.shape().elements()));
    recorded = new Tape(stream, inputs, Tape.Mode.RECORD);
    recorded.watch(x);
    y = conv.forward(recorded, x);
    last = y;
  }

  @Override
  public void run() {
    if (last != y) {
      last.arena().release(last);
    }
    if (direction == ConvDirection.FORWARD) {
      last = conv.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), x);
    } else {
      Tensor wrt = direction == ConvDirection.INPUT_GRADIENT ? x : conv.weight().value();
      last = recorded.gradients(List.of(new Seed(y, dy)), List.of(wrt)).get(wrt);
    }
    stream.sync();
  }

  @Override
  public float[] result() {
    return last.toFloats(stream);
  }

  @Override
  public void close() {
    store.close();
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
