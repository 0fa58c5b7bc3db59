package io.github.eqvae.train;

import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/**
 * All numbers that change from one micro-batch to the next, on the device: the optimisers'
 * schedules and the task's own scalars, such as counters that noise is drawn with. One copy writes
 * them, and the operations read them on the device. So a captured step can be used for every step.
 */
final class StepValues implements AutoCloseable {
  private final int scalars;
  private final int offset;
  private final HostBuffer host;
  private final TensorArena arena;
  private final Tensor values;

  /**
   * Allocates the numbers.
   *
   * @param groups groups with an optimiser
   * @param scalars the task's own
   */
  StepValues(Device device, int groups, int scalars) {
    this.scalars = scalars;
    offset = groups * AdamOptimizer.SCHEDULE;
    Shape shape = Shape.of(offset + Math.max(1, scalars));
    host = new HostBuffer(device, shape, DType.F64);
    arena = new TensorArena(device, "step values");
    values = arena.tensor(shape, DType.F64);
  }

  /** What an optimiser's update reads, {@code [4]}. */
  Tensor schedule(int group) {
    return values.narrow(0, (long) group * AdamOptimizer.SCHEDULE, AdamOptimizer.SCHEDULE);
  }

  /** The task's own scalars. */
  Tensor scalars() {
    return values.narrow(0, offset, Math.max(1, scalars));
  }

  void setSchedule(int group, double[] schedule) {
    for (int i = 0; i < schedule.length; i++) {
      host.set(group * AdamOptimizer.SCHEDULE + i, schedule[i]);
    }
  }

  void setScalars(double[] own) {
    for (int i = 0; i < own.length; i++) {
      host.set(offset + i, own[i]);
    }
  }

  /** Writes all of them. The last micro-batch must be done, because it reads the old values. */
  void copy(Stream stream) {
    host.copyTo(stream, values);
  }

  @Override
  public void close() {
    arena.close();
    host.close();
  }
}
