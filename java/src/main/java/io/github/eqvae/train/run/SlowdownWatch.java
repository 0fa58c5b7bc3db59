package io.github.eqvae.train.run;

import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.log.Slowdown;
import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reports the cause of a run's slowdown: by a short note on the progress line while it lasts, by
 * one message, and by a line in the log when it begins.
 */
final class SlowdownWatch {
  private final RunLog log;
  private final RunObserver observer;
  private final SlowdownMeter meter;
  private final Slowdown slowdown = new Slowdown();
  private final Set<String> said = new HashSet<>();
  private String now = "";

  SlowdownWatch(DeviceInfo device, RunLog log, RunObserver observer) {
    this(log, observer, new SlowdownMeter(device));
  }

  SlowdownWatch(RunLog log, RunObserver observer, SlowdownMeter meter) {
    this.log = log;
    this.observer = observer;
    this.meter = meter;
  }

  /** Leaves out time that was not a training step, such as a validation. */
  void begin() {
    meter.begin();
  }

  /** A step is done. */
  void step(long step, long images) throws IOException {
    Optional<Slowdown.Interval> interval = meter.add(images);
    if (interval.isEmpty()) {
      return;
    }
    Optional<Slowdown.Cause> cause = slowdown.judge(interval.get());
    String word = cause.map(Slowdown.Cause::word).orElse("");
    observer.slowed(word);
    if (cause.isPresent() && !word.equals(now)) {
      log.write("slow", step, Map.of("cause", cause.get().sentence()));
      if (said.add(word)) {
        observer.note(cause.get().sentence());
      }
    }
    now = word;
  }
}
