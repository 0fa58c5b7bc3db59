package io.github.eqvae.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What nobody reads is freed, what is cheap is made again, and no bit changes. */
class UnreadTest {
  private static final int WIDE = 128;
  private static final Shape IMAGE = Shape.of(1, 4, 6, WIDE);

  private record Outcome(double[] gradients, double[] dx, long kept) {}

  static List<String> devices() {
    List<String> all = new ArrayList<>(Devices.computing());
    all.add("ref");
    return all;
  }

  /** A norm that two convolutions read, and a shortcut, whose result nobody reads again. */
  private static Outcome run(String name, boolean keepsAll) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step")) {
      ParameterStore.Builder builder = new ParameterStore.Builder();
      Scope s = builder.root();
      GroupNorm norm =
          new GroupNorm(s.in("norm"), WIDE, new io.github.eqvae.op.GroupNorm(32, 1e-6, true));
      Conv2d one = conv(s, "one");
      Conv2d other = conv(s, "other");
      Conv2d shortcut = conv(s, "shortcut");
      try (ParameterStore store = builder.build(stream, 7, true)) {
        Tensor x = arena.tensor(IMAGE);
        Tensor target = arena.tensor(IMAGE);
        x.normal(stream, 1, 2, 0, 1);
        target.normal(stream, 1, 3, 0, 1);
        Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
        tape.keepsAll = keepsAll;
        tape.watch(x);
        long before = arena.used();
        Tensor y =
            tape.block(
                (t, v) -> {
                  Tensor h = norm.forward(t, v);
                  Tensor sum = t.apply(new Add(), one.forward(t, h), other.forward(t, h));
                  return t.apply(new Add(), sum, shortcut.forward(t, v));
                },
                x);
        long kept = arena.used() - before;
        Tensor loss =
            tape.apply(new PixelLoss(PixelLoss.Kind.L2, 1.0 / IMAGE.elements()), y, target);
        Seed seed = tape.seed(loss, 1);
        double[] dx = tape.gradients(List.of(seed), List.of(x)).get(x).toDoubles(stream);
        tape.backward(List.of(seed)); // makes the norm's result once more
        return new Outcome(store.gradients(stream).toDoubles(stream), dx, kept);
      }
    }
  }

  private static Conv2d conv(Scope s, String name) {
    return new Conv2d(s.in(name), WIDE, WIDE, 1, new io.github.eqvae.op.Conv2d(1, 0));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void freeingChangesNoBit(String name) {
    Outcome all = run(name, true);
    Outcome less = run(name, false);
    assertTrue(Arrays.stream(less.gradients).anyMatch(g -> g != 0), "nothing was learned");
    assertArrayEquals(all.gradients, less.gradients);
    assertArrayEquals(all.dx, less.dx);
    try (Device device = Device.open(name)) {
      long image = IMAGE.elements() * device.dtype().bytes();
      int cheap = device.info().recomputesCheap() ? 1 : 0; // the norm's result
      // of both convolutions, their sum and the shortcut nobody reads the result
      assertEquals(all.kept - (4 + cheap) * image, less.kept);
    }
  }

  /** On its last use a tape frees everything but gradients and what can hold a loss. */
  @ParameterizedTest
  @MethodSource("devices")
  void theLastGradientsLeaveNothingElse(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step")) {
      Tensor x = arena.tensor(IMAGE);
      Tensor target = arena.tensor(IMAGE);
      x.fill(stream, 1);
      target.fill(stream, 3);
      long before = arena.used();
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      tape.watch(x);
      Tensor constant = tape.apply(new Add(), target, target);
      Tensor y = tape.apply(new Add(), tape.apply(new Add(), x, x), constant);
      Tensor loss = tape.apply(new PixelLoss(PixelLoss.Kind.L1, 1), y, target);
      Tensor dx = tape.lastGradients(List.of(tape.seed(loss, 1)), List.of(x)).get(x);
      assertEquals(2, dx.toDoubles(stream)[0]);
      assertEquals(5.0 * IMAGE.elements(), loss.item(stream)); // 2 + 6 - 3
      assertTrue(arena.used() - before <= dx.bytes() + 2 * Backward.SMALL);
    }
  }
}
