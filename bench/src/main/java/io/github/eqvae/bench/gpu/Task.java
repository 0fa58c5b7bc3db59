package io.github.eqvae.bench.gpu;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;

/** A case on our side, in bf16 or TF32, ready to be run many times. */
abstract class Task implements AutoCloseable {
  final Stream stream;

  /** Of what is computed between layers. */
  final DType activations;

  /** What stays for all runs. */
  final TensorArena inputs;

  /** What a run needs. */
  final TensorArena arena;

  Task(Case c, Device device) {
    stream = new Stream(device);
    stream.math(c.isTf32() ? MathMode.TF32 : MathMode.FP32);
    activations = c.isTf32() ? DType.F32 : DType.BF16;
    inputs = new TensorArena(device, "inputs");
    arena = new TensorArena(device, "step");
  }

  /** Allocates and draws the inputs. */
  abstract void prepare(Case c, Device device);

  /** Learned numbers of the networks, 0 without any: both sides must have the same. */
  long parameters() {
    return 0;
  }

  /** Gives the work of one run to the device. */
  abstract void enqueue();

  /**
   * How far a result is from the exact one, relative to its size: a task that computes something
   * else is not worth timing. 0 where whole networks are timed, which the tests hold.
   */
  double error() {
    return 0;
  }

  /** Waits until all work is done. */
  final void sync() {
    stream.sync();
  }

  @Override
  public void close() {
    arena.close();
    inputs.close();
    stream.close();
  }

  /** The case on a device. */
  static Task of(Case c, Device device) {
    Task task =
        switch (c.kind()) {
          case String kind when Operation.is(kind) -> new OpTask(c, device);
          case "encode", "decode" -> new CodingTask(c, device);
          case "step" -> new StepTask(c, device);
          case "dit_step" -> new DitStepTask(c, device);
          default -> throw new IllegalArgumentException(c.kind());
        };
    try {
      task.prepare(c, device);
      return task;
    } catch (RuntimeException e) { // out of memory, for example: the other cases go on
      task.close();
      throw e;
    }
  }
}
