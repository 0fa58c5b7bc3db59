package io.github.eqvae.train.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * The share of the machine's processor time that other programs took. Times that were measured
 * meanwhile mean little. Read from Linux' {@code /proc/stat}; unknown elsewhere.
 */
public final class OtherPrograms {
  private static final Path STAT = Path.of("/proc/stat");

  /** Columns of the first line: user, nice, system, idle, iowait, irq, softirq, steal. */
  private static final int COLUMNS = 8;

  private static final int IDLE = 3;
  private static final int WAITING = 4;

  /** Ticks per second of these counts, on every Linux that Java runs on. */
  private static final double TICKS = 100;

  private final double[] before;
  private final double ownBefore;

  private OtherPrograms(double[] before, double ownBefore) {
    this.before = before;
    this.ownBefore = ownBefore;
  }

  /**
   * Starts a measurement.
   *
   * @return the measurement
   */
  public static OtherPrograms start() {
    return new OtherPrograms(read(), own());
  }

  /**
   * The share of other programs since the start.
   *
   * @return in [0, 1]; empty where it cannot be known
   */
  public OptionalDouble share() {
    double[] now = read();
    return now.length == 0 || before.length == 0
        ? OptionalDouble.empty()
        : share(before, now, own() - ownBefore);
  }

  /**
   * The share between two readings.
   *
   * @param own seconds that this process computed in between
   */
  static OptionalDouble share(double[] before, double[] now, double own) {
    double all = 0;
    double busy = 0;
    for (int i = 0; i < COLUMNS; i++) {
      double seconds = (now[i] - before[i]) / TICKS;
      all += seconds;
      busy += i == IDLE || i == WAITING ? 0 : seconds;
    }
    return all > 0
        ? OptionalDouble.of(Math.clamp((busy - own) / all, 0, 1))
        : OptionalDouble.empty();
  }

  private static double[] read() {
    try {
      return parse(Files.readString(STAT));
    } catch (IOException e) {
      return new double[0];
    }
  }

  /** The counts of all processors together; empty if this is no such file. */
  static double[] parse(String stat) {
    String[] words = stat.lines().findFirst().orElse("").strip().split("\\s+");
    if (!words[0].equals("cpu") || words.length <= COLUMNS) {
      return new double[0];
    }
    return Arrays.stream(words, 1, 1 + COLUMNS).mapToDouble(Double::parseDouble).toArray();
  }

  private static double own() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toNanos() * 1e-9;
  }
}
