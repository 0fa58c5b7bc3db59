package io.github.eqvae.train;

import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/**
 * All numbers that change from one micro-batch to the next, on the device: the optimisers'
 * schedules and the counters that the noise is drawn with. One copy writes them; the operations
 * read them there, so that a captured step does what the step at hand asks for.
 */
final class StepValues implements AutoCloseable {
  private static final int NETWORKS = 2;
  private static final int COUNTERS = NETWORKS * AdamOptimizer.SCHEDULE;

  private final HostBuffer host;
  private final Arena arena;
  private final Tensor values;

  StepValues(Device device) {
    Shape shape = Shape.of(COUNTERS + NETWORKS);
    host = new HostBuffer(device, shape, DType.F64);
    arena = new Arena(device, "step values");
    values = arena.tensor(shape, DType.F64);
  }

  /** What an optimiser's update reads, {@code [4]}. */
  Tensor schedule(int network) {
    return values.narrow(0, (long) network * AdamOptimizer.SCHEDULE, AdamOptimizer.SCHEDULE);
  }

  /** What is added to the purpose of a forward pass's noise, a scalar. */
  Tensor counter(int network) {
    return values.narrow(0, COUNTERS + network, 1).reshape(Shape.SCALAR);
  }

  void setSchedule(int network, double[] schedule) {
    for (int i = 0; i < schedule.length; i++) {
      host.set(network * AdamOptimizer.SCHEDULE + i, schedule[i]);
    }
  }

  void setCounter(int network, long counter) {
    host.set(COUNTERS + network, counter);
  }

  /** Writes them all. What they were must have been read: the last micro-batch is done. */
  void copy(Stream stream) {
    host.copyTo(stream, values);
  }

  @Override
  public void close() {
    arena.close();
    host.close();
  }
}
