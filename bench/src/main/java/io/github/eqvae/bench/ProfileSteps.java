package io.github.eqvae.bench;

import io.github.eqvae.tensor.Ceilings;
import io.github.eqvae.tensor.Profile;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Stream;
import java.util.List;

/** Where the time of a training step goes: {@code bench/run profile}. */
public final class ProfileSteps {
  private static final int WARM = 2;

  private ProfileSteps() {}

  /**
   * Prints a table for each step.
   *
   * @param arguments {@code demo} (the demo's network and batch without τ, as most samples of its
   *     recipe) or {@code dit} (DiT-S/2, a batch of 8), by default both; then the number of steps,
   *     3 by default
   */
  public static void main(String[] arguments) {
    List<String> what = arguments.length > 0 ? List.of(arguments[0]) : List.of("demo", "dit");
    int steps = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3;
    for (String name : what) {
      System.out.println(name + ", " + steps + " steps");
      System.out.println(table(name, steps));
      System.out.println();
    }
  }

  private static String table(String name, int steps) {
    return switch (name) {
      case "demo" -> {
        try (EqvaeStep work = new EqvaeStep(StepSetting.of("demo", "plain"))) {
          yield table(work, work.stream(), steps);
        }
      }
      case "dit" -> {
        try (EqvaeDit work = new EqvaeDit(DitSetting.of("S/2", 8, true))) {
          yield table(work, work.stream(), steps);
        }
      }
      default -> throw new IllegalArgumentException("expected demo or dit, not " + name);
    };
  }

  /** The steps after some that make plans and let the JIT compile. */
  static String table(Work work, Stream stream, int steps) {
    Ceilings ceilings = Ceilings.of(stream.device());
    for (int i = 0; i < WARM; i++) {
      work.run();
    }
    try (Profiler profiler = Profiler.start(stream.device())) {
      for (int i = 0; i < steps; i++) {
        work.run();
      }
      Profile profile = profiler.read();
      return profile.text(ceilings);
    }
  }
}
