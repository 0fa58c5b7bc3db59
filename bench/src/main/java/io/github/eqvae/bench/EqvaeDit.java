package io.github.eqvae.bench;

import io.github.eqvae.generator.Dit;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;

/** A diffusion transformer of eqvae on the processor. */
final class EqvaeDit implements Work {
  private static final double SPREAD = 0.05;

  private final DitSetting s;
  private final Device device = Device.open("cpu", Peer.threads());
  private final Stream stream = new Stream(device);
  private final TensorArena inputs = new TensorArena(device, "inputs");
  private final TensorArena arena = new TensorArena(device, "step");
  private final Dit dit;
  private final AdamOptimizer adam;
  private final Ema ema;
  private final Tensor x;
  private final Tensor target;
  private final Tensor t;
  private final Tensor y;
  private float[] forward = new float[0];

  EqvaeDit(DitSetting s) {
    this.s = s;
    dit = new Dit(s.config(), stream, 1, s.training());
    // Gates start at 0, which would hide the work before them from the comparison.
    int seed = 100;
    for (Parameter p : dit.parameters().learned()) {
      float[] values = Numbers.uniform(seed++, p.shape().elements());
      for (int i = 0; i < values.length; i++) {
        values[i] *= (float) SPREAD;
      }
      p.value().set(stream, values);
    }
    AdamSettings settings = new AdamSettings(0.9, 0.999, 1e-8, 0, true);
    adam = s.training() ? new AdamOptimizer(dit.parameters(), stream, settings) : null;
    ema = s.training() ? new Ema(dit.parameters(), stream) : null;
    int side = s.config().side();
    Shape shape = Shape.of(s.batch(), side, side, s.config().channels());
    x = inputs.tensor(shape);
    target = inputs.tensor(shape);
    t = inputs.tensor(Shape.of(s.batch()));
    y = inputs.tensor(Shape.of(s.batch()), DType.I32);
    t.set(stream, s.times());
    y.setInts(stream, s.labels());
    target.set(stream, s.velocities());
  }

  Dit dit() {
    return dit;
  }

  Stream stream() {
    return stream;
  }

  @Override
  public void run() {
    x.set(stream, s.latents());
    if (s.training()) {
      step();
    } else {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      forward = dit.forward(tape, x, t, y).toFloats(stream);
    }
    arena.reset();
  }

  private void step() {
    ParameterStore parameters = dit.parameters();
    parameters.newUpdate();
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor out = dit.forward(tape, x, t, y);
    Tensor said = tape.apply(new Narrow(3, 0, s.config().channels()), out);
    Tensor errors = tape.apply(new SampleError(), said, target, null);
    Tensor share = arena.tensor(errors.shape());
    share.fill(stream, 1.0 / s.batch());
    tape.backward(List.of(new Seed(errors, share)));
    if (!Double.isFinite(GradientNorm.of(stream, parameters, arena))) {
      throw new IllegalStateException("the benchmark diverged");
    }
    adam.step(stream, DitSetting.LEARNING_RATE, 1, ema, DitSetting.EMA_DECAY);
    stream.sync();
  }

  /** The weights after the steps so far, or the last forward pass' result (NHWC). */
  @Override
  public float[] result() {
    return s.training()
        ? Weights.flat(
            dit.parameters().learned().stream().map(p -> p.value().toFloats(stream)).toList())
        : forward;
  }

  @Override
  public void close() {
    dit.parameters().close();
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
