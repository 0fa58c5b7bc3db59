package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The indices, which the cases of all operations do not look at: ties, NaN, infinities. */
class VectorQuantizeTest {
  private static final double NAN = Double.NaN;

  /** What a call gives: codes, indices, and the gradients of their sum. */
  private record Result(double[] zq, int[] index, double[] dz, double[] dCodebook) {}

  static Stream<String> devices() {
    return Stream.concat(Stream.of("ref"), Devices.computing().stream());
  }

  private static Result run(String name, int d, double[] z, double[] codebook) {
    try (Device device = Device.open(name);
        io.github.eqvae.tensor.Stream stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor vectors = tape.watch(arena.tensor(Shape.of(z.length / d, d)));
      Tensor codes = tape.watch(arena.tensor(Shape.of(codebook.length / d, d)));
      vectors.set(stream, z);
      codes.set(stream, codebook);
      List<Tensor> out = tape.run(new VectorQuantize(), vectors, codes);
      Tensor ones = arena.tensor(out.get(0).shape());
      ones.fill(stream, 1);
      Map<Tensor, Tensor> g =
          tape.gradients(List.of(new Seed(out.get(0), ones)), List.of(vectors, codes));
      return new Result(
          out.get(0).toDoubles(stream),
          out.get(1).toInts(stream),
          g.get(vectors).toDoubles(stream),
          g.get(codes).toDoubles(stream));
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void ofEquallyNearCodesTheLowestWins(String device) {
    // 0 is as far from −1 as from 1; 3 is 2 away from 1 and from 5, which is there twice.
    Result r = run(device, 1, new double[] {0, 3, 5, 0.5}, new double[] {9, 1, -1, 5, 5, 1});
    assertArrayEquals(new int[] {1, 1, 3, 1}, r.index());
    assertArrayEquals(new double[] {1, 1, 5, 1}, r.zq());
    assertArrayEquals(new double[] {0, 3, 0, 1, 0, 0}, r.dCodebook());
    assertArrayEquals(new double[4], r.dz());
  }

  /** The copies lie in other tiles and at other places of a tile, and are computed alike. */
  @ParameterizedTest
  @MethodSource("devices")
  void ofCopiesOfACodeTheFirstWins(String device) {
    int d = 37;
    int distinct = 211;
    SplittableRandom random = new SplittableRandom(5);
    double[] block = new double[distinct * d];
    Arrays.setAll(block, i -> (float) random.nextDouble(-1, 1));
    double[] codebook = new double[5 * block.length];
    Arrays.setAll(codebook, i -> block[i % block.length]);
    double[] z = new double[300 * d];
    Arrays.setAll(z, i -> (float) random.nextDouble(-1, 1));
    for (int k : run(device, d, z, codebook).index()) {
      assertTrue(k < distinct, () -> k + " is a copy of " + k % distinct);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aNaNIsSmallerThanAnyNumber(String device) {
    Result vector = run(device, 2, new double[] {4, NAN, 4, 4}, new double[] {1, 1, 3, 3});
    assertArrayEquals(new int[] {0, 1}, vector.index());
    assertArrayEquals(new double[] {1, 1, 3, 3}, vector.zq());
    Result code = run(device, 1, new double[] {1, 7}, new double[] {1, NAN, 7, NAN});
    assertArrayEquals(new int[] {1, 1}, code.index());
    assertArrayEquals(new double[] {NAN, NAN}, code.zq());
  }

  @ParameterizedTest
  @MethodSource("devices")
  void anInfiniteVectorGetsACodeOfTheTable(String device) {
    double[] many = new double[700];
    Arrays.setAll(many, i -> -1 - i);
    Result r = run(device, 1, new double[] {Double.POSITIVE_INFINITY, 1e38}, many);
    assertArrayEquals(new int[] {0, 0}, r.index());
  }

  @ParameterizedTest
  @MethodSource("devices")
  void indicesAreTheReferences(String device) {
    int d = 48;
    SplittableRandom random = new SplittableRandom(9);
    double[] codebook = new double[1300 * d];
    Arrays.setAll(codebook, i -> random.nextInt(-3, 4));
    double[] z = new double[261 * d];
    Arrays.setAll(z, i -> random.nextInt(-3, 4));
    int[] expected = run("ref", d, z, codebook).index();
    assertArrayEquals(expected, run(device, d, z, codebook).index());
    assertTrue(Arrays.stream(expected).distinct().count() > 100, "few codes would prove little");
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Spec z = new Spec(Shape.of(2, 3), DType.F32);
    Spec codebook = new Spec(Shape.of(5, 4), DType.F32);
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> new VectorQuantize().infer(new Inputs(new VectorQuantize(), z, codebook)));
    assertEquals(
        "vector_quantize: the last axis of z [2, 3] is not that of codebook [5, 4]",
        e.getMessage());
  }
}
