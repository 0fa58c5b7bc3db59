package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.testing.Devices;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Captured operations, what may not be captured, and copies that overlap them. */
class GraphTest {
  private static final int N = 1000;

  static List<String> devices() {
    return Devices.computing().stream().filter(d -> !d.equals("cpu")).toList();
  }

  /** b = 2·a + b, with a host scalar that a capture freezes. */
  private static void work(Stream stream, Tensor a, Tensor b, double scale) {
    stream.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(scale).f32(1).run(a, b, b);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void aLaunchDoesItAgainWithWhatTheTensorsHoldThen(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor a = arena.tensor(Shape.of(N));
      Tensor b = arena.tensor(Shape.of(N));
      a.fill(stream, 1);
      b.fill(stream, 0);
      double[] scale = {2};
      try (Graph graph = stream.capture(() -> work(stream, a, b, scale[0]))) {
        assertEquals(0, b.toDoubles(stream)[N - 1], "a capture must not run anything");
        graph.launch(stream);
        assertEquals(2, b.toDoubles(stream)[N - 1]);
        a.fill(stream, 10);
        scale[0] = 3; // too late: the capture has 2
        graph.launch(stream);
        graph.launch(stream);
        assertEquals(42, b.toDoubles(stream)[N - 1]);
        EqvaeException open = assertThrows(EqvaeException.class, device::close);
        assertTrue(open.getMessage().contains("graphs"), open.getMessage());
      }
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void whatCannotBeCapturedIsNamedAndTheStreamGoesOn(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        HostBuffer host = new HostBuffer(device, Shape.of(N), device.dtype())) {
      Tensor a = arena.tensor(Shape.of(N));
      Tensor sum = arena.tensor(Shape.SCALAR);
      a.fill(stream, 1);
      refused(stream, "copy_out", () -> a.toDoubles(stream));
      refused(stream, "copy_in", () -> host.copyTo(stream, a));
      refused(stream, "stream_sync", stream::sync);
      try (TensorArena other = new TensorArena(device, "other")) {
        refused(stream, "alloc", () -> other.reserve(1 << 20));
      }
      refused(stream, "capture_begin", () -> stream.capture(() -> {}));
      // The first reduction on this stream needs scratch memory that is not there yet.
      Runnable reduce =
          () -> stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(0).f64(1).run(a, sum);
      refused(stream, "scratch memory", reduce);
      // Whoever ignores the refusal gets no graph with a gap in it.
      EqvaeException gap =
          assertThrows(
              EqvaeException.Argument.class,
              () ->
                  stream.capture(
                      () -> {
                        work(stream, a, a, 1);
                        assertThrows(EqvaeException.class, stream::sync);
                      }));
      assertTrue(gap.getMessage().contains("stream_sync"), gap.getMessage());
      reduce.run();
      assertEquals(N, sum.item(stream), "nothing of all that ran");
      Graph graph = stream.capture(reduce);
      a.fill(stream, 3);
      graph.launch(stream);
      assertEquals(3 * N, sum.item(stream));
      stream.reserveScratch(stream.scratchBytes() + 1);
      EqvaeException moved =
          assertThrows(EqvaeException.Argument.class, () -> graph.launch(stream));
      assertTrue(moved.getMessage().contains("capture it again"), moved.getMessage());
      graph.close();
    }
  }

  private static void refused(Stream stream, String call, Runnable work) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, () -> stream.capture(work));
    assertTrue(e.getMessage().contains(call), e.getMessage());
  }

  @Test
  void aDeviceWithoutGraphsSaysSo() {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      assertTrue(!device.info().graphs());
      assertThrows(EqvaeException.Unsupported.class, () -> stream.capture(() -> {}));
    }
  }

  /** A copy may be as late as the wait for it allows, but no later. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("devices")
  void copiesOnAnotherStreamAreThereAfterTheWait(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        Stream copies = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        HostBuffer host = new HostBuffer(device, Shape.of(N), device.dtype())) {
      Tensor a = arena.tensor(Shape.of(N));
      a.fill(stream, 1);
      stream.sync();
      float[] values = new float[N];
      for (int i = 0; i < N; i++) {
        values[i] = i;
      }
      host.set(values);
      host.copyTo(copies, a);
      if (name.equals("simt") && System.getenv("SIMT_EARLY") == null) {
        assertEquals(1, a.toFloats(stream)[N - 1], "the shim copies as late as it may");
      }
      stream.waitFor(copies);
      assertArrayEquals(values, a.toFloats(stream));
      host.set(3, -1);
      host.copyTo(copies, a);
      copies.sync();
      assertEquals(-1, a.toFloats(stream)[3]);
      host.copyFrom(stream, a);
      assertEquals(N - 1, host.get(N - 1));
      assertThrows(EqvaeException.Argument.class, () -> host.set(new float[N + 1]));
    }
    assertEquals(0, LeakCheck.leaks());
  }
}
