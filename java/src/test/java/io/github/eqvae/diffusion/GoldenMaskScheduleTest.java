package io.github.eqvae.diffusion;

import static io.github.eqvae.testing.GoldenFile.ints;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Schedules and orders of MaskGIT against valeoai/Maskgit-pytorch and valeoai/Halton-MaskGIT. */
class GoldenMaskScheduleTest {
  private static MaskSchedule schedule(String name) {
    return MaskSchedule.valueOf(name.toUpperCase(Locale.ROOT));
  }

  @Test
  void stepsGiveAsManyCodesAsTheReferences() throws IOException {
    int compared = 0;
    for (Path file : GoldenFile.all()) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        for (String name : golden.names()) {
          String[] parts = name.split("\\.");
          if (name.startsWith("adap.")) {
            int side = Integer.parseInt(parts[1]);
            int steps = Integer.parseInt(parts[2]);
            assertArrayEquals(
                ints(golden.values(name)), schedule(parts[3]).counts(side * side, steps), name);
            if (steps > 2) { // of two, each schedule gives one code first
              assertOthersDiffer(ints(golden.values(name)), schedule(parts[3]), side, steps);
            }
            compared++;
          } else if (name.startsWith("train_fraction.")) {
            double[] expected = golden.values(name);
            double[] actual = new double[expected.length];
            for (int i = 0; i < actual.length; i++) {
              actual[i] = schedule(parts[1]).fraction(i / (actual.length - 1.0));
            }
            golden.compare(name, actual);
            compared++;
          }
        }
      }
    }
    assertTrue(compared > 0, "no file has schedules");
  }

  /** Another schedule, or one that is a step off, does not give the reference's counts. */
  private static void assertOthersDiffer(int[] counts, MaskSchedule schedule, int side, int steps) {
    for (MaskSchedule other : MaskSchedule.values()) {
      if (other != schedule) {
        assertFalse(Arrays.equals(counts, countsOf(other, side, steps)), other + " unseen");
      }
    }
    int[] more = countsOf(schedule, side, steps + 1);
    assertFalse(Arrays.equals(counts, Arrays.copyOf(more, steps)), "a step off");
    assertFalse(Arrays.equals(counts, Arrays.copyOfRange(more, 1, more.length)), "a step late");
  }

  /** None where the schedule leaves nothing for a step. */
  private static int[] countsOf(MaskSchedule schedule, int side, int steps) {
    try {
      return schedule.counts(side * side, steps);
    } catch (EqvaeException.Argument e) {
      return new int[steps];
    }
  }

  @Test
  void haltonsOrderIsTheReferences() throws IOException {
    List<Path> files = GoldenFile.with("order.16");
    assertTrue(files.size() >= 1);
    for (Path file : files) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        for (String name : golden.names()) {
          String[] parts = name.split("\\.");
          if (parts[0].equals("order")) {
            int side = Integer.parseInt(parts[1]);
            int[] pairs = ints(golden.values(name)); // row, column
            int[] order = new int[pairs.length / 2];
            Arrays.setAll(order, i -> pairs[2 * i] * side + pairs[2 * i + 1]);
            assertArrayEquals(order, HaltonOrder.of(side), name);
            int[] turned = new int[order.length]; // rows taken for columns
            Arrays.setAll(turned, i -> order[i] % side * side + order[i] / side);
            assertFalse(Arrays.equals(turned, HaltonOrder.of(side)), name + " turned");
          } else if (parts[0].equals("cumulative")) {
            int side = Integer.parseInt(parts[1]);
            int[] totals = HaltonOrder.totals(side * side, Integer.parseInt(parts[2]));
            assertArrayEquals(ints(golden.values(name)), totals, name);
          } else if (parts[0].equals("confidence")) { // before it gives at least one in each step
            int side = Integer.parseInt(parts[1]);
            int steps = Integer.parseInt(parts[2]);
            int[] totals = ints(golden.values(name));
            Arrays.setAll(totals, i -> Math.max(totals[i], i + 1));
            assertArrayEquals(totals, schedule(parts[3]).totals(side * side, steps), name);
          }
        }
      }
    }
    assertEquals(64 * 64, HaltonOrder.of(64).length, "the reference leaves six out");
  }

  @Test
  void schedulesThatLeaveNothingAreRefused() {
    EqvaeException.Argument e =
        assertThrows(EqvaeException.Argument.class, () -> MaskSchedule.SQUARE.counts(256, 66));
    assertTrue(e.getMessage().contains("use fewer steps"), e.getMessage());
    assertEquals(65, MaskSchedule.SQUARE.counts(256, 65).length);
  }
}
