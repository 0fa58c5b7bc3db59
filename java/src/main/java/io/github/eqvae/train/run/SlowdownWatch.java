package io.github.eqvae.train.run;

import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.log.Slowdown;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Measures a run on the CPU for {@link Slowdown}, and reports the cause of a slowdown: by a short
 * note on the progress line while it lasts, by one message, and by a line in the log when it
 * begins.
 */
final class SlowdownWatch {
  private static final long EVERY_NANOS = 15_000_000_000L;

  private final RunRecipe run;
  private final RunLog log;
  private final RunObserver observer;
  private final Measures measures;
  private final Slowdown slowdown = new Slowdown();
  private final Set<String> said = new HashSet<>();
  private String now = "";
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

  SlowdownWatch(RunRecipe run, RunLog log, RunObserver observer) {
    this(run, log, observer, new Machine());
  }

  SlowdownWatch(RunRecipe run, RunLog log, RunObserver observer, Measures measures) {
    this.measures = measures;
    this.run = run;
    this.log = log;
    this.observer = observer;
    start = measures.nanos();
    own = measures.own();
    others = measures.others();
  }

  /** Leaves out time that was not a training step, such as a validation. */
  void begin() {
    start = measures.nanos();
    own = measures.own();
    others = measures.others();
    images = 0;
  }

  /** A step is done. */
  void step(long step, long imagesOfStep) throws IOException {
    images += imagesOfStep;
    long elapsed = measures.nanos() - start;
    if (!DeviceInfo.expected(run.device()).usesThreads() || elapsed < EVERY_NANOS) {
      return;
    }
    int processors = Runtime.getRuntime().availableProcessors();
    int threads = run.threads() == 0 ? processors : Math.min(run.threads(), processors);
    Slowdown.Interval interval =
        new Slowdown.Interval(
            elapsed * 1e-9,
            measures.own() - own,
            threads,
            others.get().orElse(Double.NaN),
            images / (elapsed * 1e-9));
    Optional<Slowdown.Cause> cause = slowdown.judge(interval);
    String word = cause.map(Slowdown.Cause::word).orElse("");
    observer.slowed(word);
    if (cause.isPresent() && !word.equals(now)) {
      log.write("slow", step, Map.of("cause", cause.get().sentence()));
      if (said.add(word)) {
        observer.note(cause.get().sentence());
      }
    }
    now = word;
    begin();
  }
}
