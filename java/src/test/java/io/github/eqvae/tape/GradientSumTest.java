package io.github.eqvae.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Profile;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Where a tensor has two uses, the second operation of the backward pass adds its gradient to that
 * of the first while it stores it: no pass of its own adds them, and in single precision the bits
 * are those of such a pass.
 */
class GradientSumTest {
  private static final double ROUNDING = 0x1p-23;
  private static final double HALF_ROUNDING = 0x1p-8;

  /** What reads x{samples, height, width, channels}, and the shapes of what it reads beside x. */
  record Use(String name, Op op, Shape x, List<Shape> others) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static List<Use> uses() {
    Shape x = Shape.of(2, 5, 6, 40);
    Shape c = Shape.of(40);
    return List.of(
        new Use("conv", new Conv2d(1, 1), x, List.of(Shape.of(48, 40, 3, 3), Shape.of(48))),
        new Use("pointwise", new Conv2d(1, 0), x, List.of(Shape.of(32, 40, 1, 1))),
        new Use("halving", new Conv2d(2, 0, 1, 0, 1), x, List.of(Shape.of(32, 40, 3, 3))),
        new Use("to few", new Conv2d(1, 1), x, List.of(Shape.of(3, 40, 3, 3))),
        new Use("from few", new Conv2d(1, 1), Shape.of(1, 7, 9, 3), List.of(Shape.of(16, 3, 3, 3))),
        new Use("wide", new Conv2d(1, 1), Shape.of(1, 16, 17, 64), List.of(Shape.of(64, 64, 3, 3))),
        new Use("linear", new Linear(), x, List.of(Shape.of(56, 40), Shape.of(56))),
        new Use("linear of 7", new Linear(), Shape.of(3, 5, 1, 7), List.of(Shape.of(2, 7))),
        new Use("group norm", new GroupNorm(4, 1e-6, false), x, List.of(c, c)),
        new Use("with silu", new GroupNorm(8, 1e-6, true), x, List.of(c, c)),
        new Use(
            "of 6",
            new GroupNorm(3, 1e-6, true),
            Shape.of(1, 3, 5, 6),
            List.of(Shape.of(6), Shape.of(6))),
        new Use("layer norm", new LayerNorm(1e-6, false), x, List.of(c, c)),
        new Use("rms", new LayerNorm(1e-6, true), Shape.of(2, 3, 1, 7), List.of()));
  }

  /** A use on a device. */
  record Case(String device, DType dtype, Use use) {}

  static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (String device : Devices.computing()) {
      for (Use use : uses()) {
        cases.add(new Case(device, DType.F32, use));
        if (!"cpu".equals(device)) {
          cases.add(new Case(device, DType.BF16, use));
        }
        if ("simt".equals(device)) {
          cases.add(new Case("simt:1", DType.BF16, use));
        }
      }
    }
    return cases;
  }

  /** The tensors of a case, and its gradients. */
  private static final class Step implements AutoCloseable {
    final Device device;
    final Stream stream;
    final TensorArena arena;
    final Tape tape;
    final Tensor x;
    final Tensor y;
    final Tensor dy;
    final Tensor other;
    private int made;

    Step(Case c) {
      device = Device.open(c.device());
      stream = new Stream(device);
      arena = new TensorArena(device, "test", false);
      tape = new Tape(stream, arena, Tape.Mode.RECORD);
      x = tape.watch(normal(c.use().x(), c.dtype()));
      List<Tensor> inputs = new ArrayList<>(List.of(x));
      c.use().others().forEach(s -> inputs.add(normal(s, DType.F32)));
      y = tape.apply(c.use().op(), inputs.toArray(Tensor[]::new));
      dy = normal(y.shape(), c.dtype());
      other = normal(x.shape(), c.dtype());
    }

    private Tensor normal(Shape shape, DType dtype) {
      Tensor full = arena.tensor(shape);
      full.normal(stream, ++made, 1, 0, 1);
      Tensor t = arena.tensor(shape, dtype);
      full.copyTo(stream, t);
      return t;
    }

    double[] read(Tensor t) {
      Tensor full = arena.tensor(t.shape());
      t.copyTo(stream, full);
      return full.toDoubles(stream);
    }

    double[] gradient(Seed... seeds) {
      Map<Tensor, Tensor> found = tape.gradients(List.of(seeds), List.of(x));
      return read(found.get(x));
    }

    @Override
    public void close() {
      arena.close();
      stream.close();
      device.close();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isAddedWhereTheSecondOneIsStored(Case c) {
    try (Step s = new Step(c)) {
      double[] alone = s.gradient(new Seed(s.y, s.dy));
      double[] other = s.read(s.other);
      double[] sum;
      Profile profile;
      try (Profiler profiler = Profiler.start(s.device)) {
        sum = s.gradient(new Seed(s.x, s.other), new Seed(s.y, s.dy));
        profile = profiler.read();
      }
      assertTrue(
          profile.operations().stream().noneMatch(r -> r.operation().equals("axpby")),
          profile::toString);
      boolean exact = c.dtype() == DType.F32 && !"cuda".equals(c.device());
      double rounding = c.dtype() == DType.F32 ? ROUNDING : HALF_ROUNDING;
      for (int i = 0; i < sum.length; i++) {
        double expected = (float) alone[i] + (float) other[i];
        // a gradient alone is rounded before the sum, and a GPU may fuse its last product with it
        double bound = exact ? 0 : rounding * (Math.abs(alone[i]) + Math.abs(sum[i]));
        assertEquals(expected, sum[i], bound, "element " + i);
      }
    }
  }

  /** What the caller gave is left as it was. */
  @ParameterizedTest
  @MethodSource("cases")
  void theFirstGradientIsNotWrittenTo(Case c) {
    try (Step s = new Step(c)) {
      double[] before = s.read(s.other);
      double[] once = s.gradient(new Seed(s.x, s.other), new Seed(s.y, s.dy));
      double[] twice = s.gradient(new Seed(s.x, s.other), new Seed(s.y, s.dy));
      assertArrayEquals(before, s.read(s.other));
      assertArrayEquals(once, twice);
    }
  }
}
