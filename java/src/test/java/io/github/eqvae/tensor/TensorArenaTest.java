package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Where tensors go, on a device whose memory is only addresses. */
class TensorArenaTest {
  /** Tensors of many sizes come and go; the sum of their addresses stands for all of them. */
  private static long use(TensorArena arena, long seed) {
    Random random = new Random(seed);
    List<Tensor> live = new ArrayList<>();
    long first = -1;
    long sum = 0;
    for (int i = 0; i < 400; i++) {
      if (live.isEmpty() || random.nextInt(100) < 55) {
        Tensor t = arena.tensor(Shape.of(1L + random.nextInt(1 << random.nextInt(4, 20))));
        first = first < 0 ? t.address() : first;
        sum = 31 * sum + t.address() - first;
        live.add(t);
      } else {
        arena.release(live.remove(random.nextInt(live.size())));
      }
    }
    return sum;
  }

  /** A plan is made in an arena that is far too large. */
  @Test
  void whatWasPlannedIsEnoughAndGivesTheSameAddresses() {
    try (Device device = Device.open("null")) {
      for (int seed = 0; seed < 20; seed++) {
        try (TensorArena plan = new TensorArena(device, "plan");
            TensorArena arena = new TensorArena(device, "arena")) {
          plan.reserve(1L << 46);
          long planned = use(plan, seed);
          arena.reserve(plan.extent());
          long layout = arena.layout();
          assertEquals(planned, use(arena, seed));
          assertEquals(layout, arena.layout(), "it grew");
        }
      }
    }
  }

  @Test
  void aTensorTakesTheSmallestHole() {
    try (Device device = Device.open("null");
        TensorArena arena = new TensorArena(device, "arena")) {
      Tensor large = arena.tensor(Shape.of(4096));
      Tensor wall = arena.tensor(Shape.of(64));
      Tensor small = arena.tensor(Shape.of(1024));
      Tensor end = arena.tensor(Shape.of(64));
      arena.release(large);
      arena.release(small);
      assertEquals(small.address(), arena.tensor(Shape.of(1000)).address());
      assertEquals(large.address(), arena.tensor(Shape.of(1000)).address());
      assertTrue(arena.tensor(Shape.of(8192)).address() > end.address() && !wall.isReleased());
    }
  }
}
