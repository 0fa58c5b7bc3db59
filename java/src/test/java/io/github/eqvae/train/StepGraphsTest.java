package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.LeakCheck;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which work becomes a graph, when graphs are made again, and that they are bounded. */
class StepGraphsTest {
  private static final int MOST = 256;

  static List<String> devices() {
    return Devices.computing().stream().filter(d -> !d.equals("cpu")).toList();
  }

  /** The memory of one step: a tensor from the step arena, like every intermediate result. */
  private static Supplier<String> work(Stream stream, TensorArena step, Tensor x, Tensor y) {
    return () -> {
      Tensor t = step.tensor(x.shape());
      x.copyTo(stream, t);
      t.copyTo(stream, y);
      step.reset();
      return "result";
    };
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void theSecondTimeIsCapturedAndMovedMemoryIsNoticed(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena kept = new TensorArena(device, "kept");
        TensorArena step = new TensorArena(device, "step");
        StepGraphs<Integer, String> graphs = new StepGraphs<>(stream, step, true)) {
      Tensor x = kept.tensor(Shape.of(8));
      Tensor y = kept.tensor(Shape.of(8));
      Supplier<String> work = work(stream, step, x, y);
      int[] instead = {0};
      for (int i = 1; i <= 6; i++) {
        x.fill(stream, i);
        if (i == 5) {
          step.reserve(step.capacity() + 1); // the arena moves: captured again
        }
        assertEquals("result", graphs.run(7, work, () -> instead[0]++));
        assertEquals(i, y.toDoubles(stream)[0]);
      }
      // Run 1 as it is, 2 captured, 3 and 4 launched, 5 captured again, 6 launched.
      assertEquals(2, graphs.captured());
      assertEquals(3, graphs.launched());
      assertEquals(3, instead[0]);
      // Without a key nothing is remembered.
      graphs.run(null, work, () -> instead[0]++);
      assertEquals(2, graphs.captured());
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void theLeastRecentlyUsedMakesRoom(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena kept = new TensorArena(device, "kept");
        TensorArena step = new TensorArena(device, "step");
        StepGraphs<Integer, String> graphs = new StepGraphs<>(stream, step, true)) {
      Tensor x = kept.tensor(Shape.of(8));
      Supplier<String> work = work(stream, step, x, kept.tensor(Shape.of(8)));
      for (int round = 0; round < 2; round++) {
        for (int key = 0; key <= MOST; key++) {
          graphs.run(key, work, () -> {});
        }
      }
      assertEquals(MOST + 1, graphs.captured());
      graphs.run(MOST, work, () -> {}); // still there
      assertEquals(MOST + 1, graphs.captured());
      graphs.run(0, work, () -> {}); // was dropped for the last one
      assertEquals(MOST + 2, graphs.captured());
    }
    assertEquals(0, LeakCheck.leaks());
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void workThatCannotBeCapturedIsAnErrorThatNamesTheCall(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena step = new TensorArena(device, "step");
        StepGraphs<Integer, String> graphs = new StepGraphs<>(stream, step, true)) {
      Supplier<String> reads =
          () -> {
            stream.sync();
            return "";
          };
      graphs.run(1, reads, () -> {});
      EqvaeException e = assertThrows(EqvaeException.class, () -> graphs.run(1, reads, () -> {}));
      assertTrue(e.getMessage().contains("stream_sync"), e.getMessage());
    }
  }
}
