package io.github.eqvae.cli;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.log.Counter;
import io.github.eqvae.train.log.Slowdown;
import io.github.eqvae.train.run.SlowdownMeter;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.function.LongFunction;

/** Counts images, and says once if other programs take the processors meanwhile. */
final class WatchedCounter {
  private final PrintWriter err;
  private final Counter counter;
  private final LongFunction<Optional<Slowdown.Interval>> meter;
  private long before;
  private boolean said;

  /**
   * Starts to count.
   *
   * @param err where lines go
   * @param what a word for the work, such as {@code encoded}
   * @param total 0 if it is not known
   * @param first images that were done before
   * @param device that computes
   */
  WatchedCounter(PrintWriter err, String what, long total, long first, Device device) {
    this(err, new Counter(err, what, total, first), first, new SlowdownMeter(device.info())::add);
  }

  WatchedCounter(
      PrintWriter err,
      Counter counter,
      long first,
      LongFunction<Optional<Slowdown.Interval>> meter) {
    this.err = err;
    this.counter = counter;
    this.meter = meter;
    before = first;
  }

  /** Reports images that are done so far, those done before included. */
  void at(long images) {
    counter.at(images);
    Optional<Slowdown.Cause> busy =
        meter
            .apply(images - before)
            .flatMap(i -> Slowdown.busy(i, "End them, or start this again later"));
    before = images;
    if (busy.isPresent() && !said) {
      said = true;
      err.println("eqvae: note: " + busy.get().sentence());
      err.flush();
    }
  }
}
