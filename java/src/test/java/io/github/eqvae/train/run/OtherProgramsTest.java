package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class OtherProgramsTest {
  /** Two processors for ten seconds: 12 s busy, 5 of them ours; guests are part of user. */
  @Test
  void whatIsBusyAndNotOursIsTheirs() {
    double[] before = OtherPrograms.parse("cpu  100 0 50 1000 10 0 0 0 70 0\ncpu0 1 2 3\n");
    double[] now = OtherPrograms.parse("cpu  1000 100 150 1700 110 20 30 50 90 0\n");
    assertEquals(0.35, OtherPrograms.share(before, now, 5).orElseThrow(), 1e-9);
    assertEquals(0, OtherPrograms.share(before, now, 13).orElseThrow(), "clocks differ a little");
    assertEquals(OptionalDouble.empty(), OtherPrograms.share(now, now, 0));
  }

  @Test
  void anotherFileIsNotRead() {
    assertEquals(0, OtherPrograms.parse("").length);
    assertEquals(0, OtherPrograms.parse("cpu 1 2 3").length);
    assertEquals(0, OtherPrograms.parse("intr 1 2 3 4 5 6 7 8 9").length);
  }

  @Test
  void onThisMachineItIsAShare() throws InterruptedException {
    OtherPrograms others = OtherPrograms.start();
    Thread.sleep(50);
    others.share().ifPresent(s -> assertTrue(s >= 0 && s <= 1, "share " + s));
  }
}
