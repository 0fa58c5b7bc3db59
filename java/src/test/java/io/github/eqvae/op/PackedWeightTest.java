package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Convolutions that are given a packed copy of their weight. */
@ExtendWith(CaseExtension.class)
class PackedWeightTest {
  private static OpRunners packing;
  private static OpRunners reading;

  @BeforeAll
  static void open() {
    packing = new OpRunners(devices(), d -> new OpRunner(d, true, false));
    reading = new OpRunners(devices(), d -> new OpRunner(d, true, true));
  }

  @AfterAll
  static void close() {
    reading.close();
    packing.close();
  }

  static List<String> devices() {
    return Devices.kernels();
  }

  static List<Arguments> cases() {
    List<Arguments> cases = OpCases.on(devices(), op -> op instanceof Conv2d).toList();
    assertTrue(cases.size() > 50 * devices().size(), "cases: " + cases.size());
    return cases;
  }

  /**
   * A packed copy that is passed gives the bits of a call that packs: every case, all directions.
   */
  @ParameterizedTest
  @MethodSource("cases")
  void theBitsAreThoseOfACallThatPacks(String device, OpCase c) {
    OpCase.Sample sample = c.sample();
    OpRunner.Result expected = packing.on(device).run(c, sample);
    reading.on(device).run(c, sample).assertBitsOf(expected, c);
  }

  /** What does not fit is refused, with the reason. */
  @ParameterizedTest
  @MethodSource("devices")
  void aCopyMustFit(String name) {
    try (Device device = Device.open(name);
        var stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor w = arena.tensor(Shape.of(16, 8, 3, 3));
      w.fill(stream, 1);
      Tensor single = arena.tensor(Shape.of(1, 4, 4, 8));
      Tensor half = arena.tensor(single.shape(), DType.BF16);
      half.fill(stream, 0);
      Tensor right = arena.tensor(Shape.of(PackedWeights.elements(w.shape())), DType.BF16);
      Tensor small = right.narrow(0, 0, right.shape().dim(0) - 8);
      Tensor wide = arena.tensor(right.shape());
      Conv2d op = new Conv2d(1, 1);
      refused("packed weight has shape", () -> tape.run(op, half, w, null, null, small));
      refused("packed is f32", () -> tape.run(op, half, w, null, null, wide));
      refused(
          "x is f32: pass NULL unless it is bf16",
          () -> tape.run(op, single, w, null, null, right));
      // Only the shim compares in every call.
      if (name.startsWith("simt")) {
        right.fill(stream, 0);
        refused("packing them again", () -> tape.run(op, half, w, null, null, right));
      }
    }
  }

  private static void refused(String why, Runnable call) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, call::run);
    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  /** Devices without tensor cores say so. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu", "ref"})
  void otherDevicesReadNone(String name) {
    try (Device device = Device.open(name);
        var stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      assertFalse(device.info().readsPackedWeights());
      Tensor values = arena.tensor(Shape.of(16));
      PackedWeights packed =
          new PackedWeights(
              stream, arena, List.of(new PackedWeights.Source(Shape.of(4, 4, 1, 1), 0)));
      EqvaeException e =
          assertThrows(EqvaeException.Unsupported.class, () -> packed.write(stream, values));
      assertTrue(e.getMessage().contains("reads no packed weights"), e.getMessage());
    }
  }
}
