package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.log.Counter;
import io.github.eqvae.train.log.Slowdown;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class WatchedCounterTest {
  private final StringWriter out = new StringWriter();
  private final List<Long> added = new ArrayList<>();

  private void count(Slowdown.Interval... intervals) {
    PrintWriter err = new PrintWriter(out);
    Deque<Slowdown.Interval> rest = new ArrayDeque<>(List.of(intervals));
    WatchedCounter counter =
        new WatchedCounter(
            err,
            new Counter(err, "encoded", 0, 100),
            100,
            more -> {
              added.add(more);
              return Optional.ofNullable(rest.poll());
            });
    for (long images = 108; images <= 132; images += 8) {
      counter.at(images);
    }
  }

  @Test
  void aBusyMachineIsSaidOnceWithAdviceThatFits() {
    Slowdown.Interval free = new Slowdown.Interval(20, 39, 2, 0.02, 8);
    Slowdown.Interval busy = new Slowdown.Interval(20, 20, 2, 0.4, 4);
    count(free, busy, busy, free);
    assertEquals(1, out.toString().lines().count(), out.toString());
    assertTrue(out.toString().startsWith("eqvae: note: other programs take 40 % of"), "" + out);
    assertTrue(out.toString().stripTrailing().endsWith("End them, or start this again later"));
    assertEquals(List.of(8L, 8L, 8L, 8L), added, "those from before do not count");
  }

  @Test
  void aFreeMachineIsNotMentioned() {
    Slowdown.Interval free = new Slowdown.Interval(20, 39, 2, 0.02, 8);
    count(free, free);
    assertEquals("", out.toString());
  }
}
