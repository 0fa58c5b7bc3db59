package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Dropout of attention's weights: what is drawn. Its numbers are checked by the operation's cases.
 */
class SelfAttentionDropoutTest {
  private static final int SAMPLES = 2;
  private static final int HEADS = 2;
  private static final int TOKENS = 36; // more than a tile of the kernels, and a multiple of four

  static List<String> devices() {
    List<String> all = new ArrayList<>(Devices.computing());
    all.add("ref");
    return all;
  }

  /** What attention gives if all scores are 0, and value j is row j of an identity matrix. */
  private static double[] weights(
      Stream stream, TensorArena arena, SelfAttention op, double count) {
    int width = HEADS * TOKENS;
    float[] numbers = new float[SAMPLES * TOKENS * 3 * width];
    for (int n = 0; n < SAMPLES; n++) {
      for (int j = 0; j < TOKENS; j++) {
        for (int h = 0; h < HEADS; h++) {
          numbers[((n * TOKENS + j) * 3 + 2) * width + h * TOKENS + j] = TOKENS; // cancels 1/T
        }
      }
    }
    Tensor qkv = arena.tensor(Shape.of(SAMPLES, TOKENS, 3L * width));
    qkv.set(stream, numbers);
    Tensor counter = arena.tensor(Shape.SCALAR, DType.F64);
    counter.set(stream, count);
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    double[] out = tape.apply(op, qkv, counter).toDoubles(stream); // [N, query, head, key]
    double[] byHead = new double[out.length];
    for (int i = 0; i < out.length; i++) {
      int key = i % TOKENS;
      int head = i / TOKENS % HEADS;
      int query = i / width % TOKENS;
      int n = i / width / TOKENS;
      byHead[((n * HEADS + head) * TOKENS + query) * TOKENS + key] = out[i];
    }
    return byHead;
  }

  @ParameterizedTest
  @MethodSource("devices")
  void dropsWhatDropoutOfAllWeightsDrops(String name) {
    double rate = 0.3;
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      SelfAttention op = new SelfAttention(HEADS, rate, 5, 77);
      double[] found = weights(stream, arena, op, 9);
      Tensor ones = arena.tensor(Shape.of(SAMPLES, HEADS, TOKENS, TOKENS));
      float[] all = new float[found.length];
      Arrays.fill(all, 1);
      ones.set(stream, all);
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      double[] expected = tape.apply(new Dropout(rate, 5, 77 + 9), ones).toDoubles(stream);
      assertArrayEquals(expected, found, 1e-5);
      long dropped = Arrays.stream(found).filter(v -> v == 0).count();
      double deviation = Math.sqrt(found.length * rate * (1 - rate));
      assertEquals(rate * found.length, dropped, 6 * deviation);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void seedPurposeAndCounterDecide(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      double[] first = weights(stream, arena, new SelfAttention(HEADS, 0.5, 5, 77), 9);
      assertArrayEquals(first, weights(stream, arena, new SelfAttention(HEADS, 0.5, 5, 77), 9));
      assertArrayEquals(first, weights(stream, arena, new SelfAttention(HEADS, 0.5, 5, 80), 6));
      for (SelfAttention other :
          List.of(
              new SelfAttention(HEADS, 0.5, 6, 77),
              new SelfAttention(HEADS, 0.5, 5, 78),
              new SelfAttention(HEADS, 0.4, 5, 77))) {
        assertFalse(Arrays.equals(first, weights(stream, arena, other, 9)), other.toString());
      }
      double[] next = weights(stream, arena, new SelfAttention(HEADS, 0.5, 5, 77), 10);
      assertFalse(Arrays.equals(first, next), "the next step");
    }
  }

  /** Bit by bit, both ways. */
  @ParameterizedTest
  @MethodSource("devices")
  void rateZeroIsAttentionWithoutDropout(String name) {
    In qkv = In.of(2, 37, 66).with(In.uniform(-2, 2));
    try (OpRunner runner = new OpRunner(name)) {
      OpRunner.Result plain = run(runner, new SelfAttention(2), qkv);
      OpRunner.Result zero = run(runner, new SelfAttention(2, 0, 5, 77), qkv);
      assertArrayEquals(plain.y(), zero.y());
      assertArrayEquals(plain.gradients()[0], zero.gradients()[0]);
    }
  }

  private static OpRunner.Result run(OpRunner runner, SelfAttention op, In qkv) {
    OpCase c =
        new OpCase(
            "dropout", op, List.of(qkv), TransformerOracles.selfAttention(op, 0), ErrorBound.EXACT);
    return runner.run(c, c.sample());
  }

  @Test
  void ratesThatLeaveNothingAreRefused() {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor qkv = arena.tensor(Shape.of(1, 3, 6));
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      for (double rate : new double[] {-0.1, 1, Double.NaN}) {
        SelfAttention op = new SelfAttention(1, rate, 0, 0);
        assertThrows(EqvaeException.Argument.class, () -> tape.apply(op, qkv));
      }
    }
  }
}
