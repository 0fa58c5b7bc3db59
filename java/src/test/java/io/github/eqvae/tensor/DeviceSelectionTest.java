package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/**
 * CUDA keeps the current device for each thread. What a stream is given must go to the stream's
 * device from threads that never chose one, as those of a pool, and from one that was last busy
 * with another. The shim asserts it in every launch, copy, capture and allocation.
 */
class DeviceSelectionTest {
  private static final int N = 1000;

  /** Everything a thread may ask of a stream; the sum of what it computed. */
  private static double use(Device device, Stream stream, Tensor a, Tensor sum) {
    try (HostBuffer host = new HostBuffer(device, Shape.of(N), device.dtype());
        TensorArena arena = new TensorArena(device, "of the thread")) {
      Tensor b = arena.tensor(Shape.of(N));
      a.fill(stream, 1);
      host.copyTo(stream, b);
      b.fill(stream, 2);
      Runnable work =
          () -> {
            stream.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(a, b, b);
            stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(0).f64(1).run(b, sum);
          };
      work.run();
      try (Graph graph = stream.capture(work)) {
        graph.launch(stream);
      }
      stream.sync();
      device.memory();
      return sum.item(stream);
    }
  }

  @Test
  void everyThreadGivesItsWorkToTheStreamsDevice() throws Exception {
    assumeTrue(Devices.computing().contains("simt"), "the shim is not built here");
    try (Device first = Device.open("simt");
        Device second = Device.open("simt:1");
        Stream onFirst = new Stream(first);
        Stream onSecond = new Stream(second);
        TensorArena firstArena = new TensorArena(first, "test");
        TensorArena secondArena = new TensorArena(second, "test")) {
      Tensor a = firstArena.tensor(Shape.of(N));
      Tensor aSum = firstArena.tensor(Shape.SCALAR);
      Tensor b = secondArena.tensor(Shape.of(N));
      Tensor bSum = secondArena.tensor(Shape.SCALAR);
      // Alternating in this thread, whose last device was always the other one.
      for (int i = 0; i < 2; i++) {
        assertEquals(4 * N, use(first, onFirst, a, aSum));
        assertEquals(4 * N, use(second, onSecond, b, bSum));
      }
      // In threads that chose nothing, and whose first call is each of these.
      List<Runnable> calls =
          List.of(
              () -> a.fill(onFirst, 3),
              () -> b.fill(onSecond, 3),
              () -> assertEquals(3, b.toDoubles(onSecond)[N - 1]),
              onSecond::sync,
              () -> new HostBuffer(second, Shape.of(N), DType.F32).close(),
              () -> new Stream(second).close(),
              () -> assertTrue(second.memory().liveBytes() > 0),
              () -> onSecond.capture(() -> b.fill(onSecond, 4)).close(),
              () -> assertEquals(4 * N, use(second, onSecond, b, bSum)));
      for (Runnable call : calls) {
        inItsOwnThread(call);
      }
      Graph graph = onSecond.capture(() -> b.fill(onSecond, 5));
      inItsOwnThread(() -> graph.launch(onSecond));
      inItsOwnThread(graph::close);
      assertEquals(5, b.toDoubles(onSecond)[N - 1]);
    }
  }

  private static void inItsOwnThread(Runnable call) throws Exception {
    try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
      thread.submit(call).get();
    }
  }
}
