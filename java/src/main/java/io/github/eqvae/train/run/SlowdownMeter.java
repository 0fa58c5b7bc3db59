package io.github.eqvae.train.run;

import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.log.Slowdown;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * Measures work on the CPU for {@link Slowdown}, in intervals of 15 seconds or more. Not
 * thread-safe.
 */
public final class SlowdownMeter {
  private static final long EVERY_NANOS = 15_000_000_000L;

  private final DeviceInfo device;
  private final Measures measures;
  private long start;
  private double own;
  private Supplier<OptionalDouble> others;
  private long images;

  /** The readings of the machine. */
  interface Measures {
    /** A clock. */
    long nanos();

    /** Seconds that processors computed for this process so far. */
    double own();

    /** Starts to measure the share of all processors' time that other programs take. */
    Supplier<OptionalDouble> others();
  }

  /** This machine. */
  private static final class Machine implements Measures {
    @Override
    public long nanos() {
      return System.nanoTime();
    }

    @Override
    public double own() {
      Duration total = ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
      return total.toNanos() * 1e-9;
    }

    @Override
    public Supplier<OptionalDouble> others() {
      return OtherPrograms.start()::share;
    }
  }

  /**
   * Starts to measure.
   *
   * @param device that computes; its threads are what this process could use, of which there may be
   *     fewer than processors: one for each physical core
   */
  public SlowdownMeter(DeviceInfo device) {
    this(device, new Machine());
  }

  SlowdownMeter(DeviceInfo device, Measures measures) {
    this.device = device;
    this.measures = measures;
    start = measures.nanos();
    own = measures.own();
    others = measures.others();
  }

  /** Leaves out the time since the last interval, such as that of a validation. */
  public void begin() {
    start = measures.nanos();
    own = measures.own();
    others = measures.others();
    images = 0;
  }

  /**
   * Images are done.
   *
   * @param more their number
   * @return the interval that ends here; empty if it is still too short, or if the device is no CPU
   */
  public Optional<Slowdown.Interval> add(long more) {
    images += more;
    long elapsed = measures.nanos() - start;
    if (!device.usesThreads() || elapsed < EVERY_NANOS) {
      return Optional.empty();
    }
    double seconds = elapsed * 1e-9;
    Slowdown.Interval interval =
        new Slowdown.Interval(
            seconds,
            measures.own() - own,
            Math.min(device.threads(), Runtime.getRuntime().availableProcessors()),
            others.get().orElse(Double.NaN),
            images / seconds);
    begin();
    return Optional.of(interval);
  }
}
