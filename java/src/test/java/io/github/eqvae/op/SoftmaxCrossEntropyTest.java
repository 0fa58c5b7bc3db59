package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.Seed;
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

/** Rows that are ignored, labels that are none, and what is refused. */
class SoftmaxCrossEntropyTest {
  private static final double NAN = Double.NaN;

  static List<String> devices() {
    List<String> all = new ArrayList<>(Devices.computing());
    all.add("ref");
    return all;
  }

  /** What is not a number must not leak out of a row that is ignored, but show in any other. */
  @ParameterizedTest
  @MethodSource("devices")
  void ignoredRowsGiveNothingAndUnknownLabelsNaN(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor logits = arena.tensor(Shape.of(5, 2), device.dtype());
      logits.set(stream, 0, 0, NAN, 1, 1, NAN, 3, 3, 700, -700);
      Tensor labels = arena.tensor(Shape.of(5), DType.I32);
      labels.setInts(stream, 1, -1, 0, 2, 0);
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      tape.watch(logits);
      Tensor loss = tape.apply(new SoftmaxCrossEntropy(), logits, labels);
      double[] each = loss.toDoubles(stream);
      assertEquals(Math.log(2), each[0], 1e-6);
      assertEquals(0, each[1]);
      assertTrue(Double.isNaN(each[2]) && Double.isNaN(each[3]), () -> Arrays.toString(each));
      assertEquals(0, each[4]); // sure, and right: nothing overflows
      Tensor seed = arena.tensor(loss.shape(), device.dtype());
      seed.fill(stream, 1);
      double[] d =
          tape.gradients(List.of(new Seed(loss, seed)), List.of(logits))
              .get(logits)
              .toDoubles(stream);
      assertEquals(List.of(0.5, -0.5, 0.0, 0.0), Arrays.stream(d).limit(4).boxed().toList());
      for (int i = 4; i < 8; i++) {
        assertTrue(Double.isNaN(d[i]), Arrays.toString(d));
      }
      assertEquals(0, d[8]);
      assertEquals(0, d[9]);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor logits = arena.tensor(Shape.of(2, 3));
      Tensor labels = arena.tensor(Shape.of(2), DType.I32);
      refused("must be 0 to 1", tape, new SoftmaxCrossEntropy(1.5), logits, labels);
      refused("expected I32", tape, new SoftmaxCrossEntropy(), logits, arena.tensor(Shape.of(2)));
      refused(
          "labels has shape",
          tape,
          new SoftmaxCrossEntropy(),
          logits,
          arena.tensor(Shape.of(3), DType.I32));
    }
  }

  private static void refused(String why, Tape tape, SoftmaxCrossEntropy op, Tensor... in) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, () -> tape.apply(op, in));
    assertTrue(e.getMessage().contains(why), e.getMessage());
  }
}
