package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.equivariance.EqObjective.Extra;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Dropout in front of LPIPS' heads: what is drawn, and what it does to the distance. */
class LpipsDropoutTest {
  private static final Shape IMAGES = Shape.of(2, 16, 18, 3);

  static List<String> devices() {
    return Devices.computing();
  }

  private static double[] factors(
      Stream stream, TensorArena arena, double count, int level, int group) {
    Tensor counter = arena.tensor(Shape.SCALAR, DType.F64);
    counter.set(stream, count);
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Shape shape = Shape.of(2, 9, 7, 5);
    return new StepNoise(3, counter)
        .draw(Extra.LPIPS_DROPOUT, level, tape, shape, group)
        .toDoubles(stream);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void halfOfTheFactorsAreZeroAndTheOthersTwo(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      double[] first = factors(stream, arena, 4096, 1, 0);
      long dropped = Arrays.stream(first).filter(v -> v == 0).count();
      long kept = Arrays.stream(first).filter(v -> v == 2).count();
      assertEquals(first.length, dropped + kept);
      // Six standard deviations of 630 throws of a coin.
      assertEquals(first.length / 2.0, dropped, 6 * Math.sqrt(first.length / 4.0));
      assertArrayEquals(first, factors(stream, arena, 4096, 1, 0));
      assertFalse(Arrays.equals(first, factors(stream, arena, 8192, 1, 0)), "the next step");
      assertFalse(Arrays.equals(first, factors(stream, arena, 4096, 2, 0)), "the next level");
      assertFalse(Arrays.equals(first, factors(stream, arena, 4096, 1, 1)), "the next group");
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void factorsScaleTheSquaredDifferences(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        Lpips lpips = new Lpips(4, stream, 5)) {
      double[] plain = distance(stream, arena, lpips, null);
      double[] ones = distance(stream, arena, lpips, new double[] {1, 1, 1, 1, 1});
      double[] twos = distance(stream, arena, lpips, new double[] {2, 2, 2, 2, 2});
      double[] none = distance(stream, arena, lpips, new double[] {0, 0, 0, 0, 0});
      assertArrayEquals(plain, ones); // bit by bit
      assertArrayEquals(Arrays.stream(plain).map(v -> 2 * v).toArray(), twos);
      assertArrayEquals(new double[2], none);
    }
  }

  private static double[] distance(Stream stream, TensorArena arena, Lpips lpips, double[] factor) {
    arena.reset();
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor a = arena.tensor(IMAGES);
    Tensor b = arena.tensor(IMAGES);
    a.uniform(stream, 1, 2, -1, 1);
    b.uniform(stream, 1, 3, -1, 1);
    Lpips.Dropout dropout =
        (level, shape) -> {
          Tensor t = arena.tensor(shape);
          t.fill(stream, factor[level]);
          return t;
        };
    return lpips.forward(tape, a, b, factor == null ? null : dropout).toDoubles(stream);
  }
}
