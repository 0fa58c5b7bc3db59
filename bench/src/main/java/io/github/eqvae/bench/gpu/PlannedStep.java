package io.github.eqvae.bench.gpu;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Profiler;

/**
 * A training step on the planner, which computes nothing: it only says what a GPU would be asked to
 * do. With {@code EQV_PROFILE_CALLS=FILE} in the environment its calls and launches are in that
 * file.
 */
public final class PlannedStep {
  private PlannedStep() {}

  /**
   * Runs it.
   *
   * @param cases the name of a case, as for {@link GpuBenchmark}: the first of them
   */
  public static void run(String cases) {
    Case c = Case.named(cases, Case.Size.FULL).getFirst();
    try (Device device = Device.open("null:90");
        Task task = Task.of(c, device)) {
      task.enqueue(); // makes what stays
      try (Profiler profiler = Profiler.start(device)) {
        task.enqueue();
        profiler.read();
      }
    }
  }
}
