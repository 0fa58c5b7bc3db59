package io.github.eqvae.tensor;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import java.util.List;
import java.util.Locale;

/**
 * What a device can do at most, to compare a {@link Profile} with. Of a GPU they follow from its
 * properties: memory clock and bus width, multiprocessors and their highest clock. On a processor
 * {@link #of} measures them in about a second.
 *
 * @param bytesPerSecond of its memory; 0 if unknown
 * @param flopsPerSecond multiplications and additions of products, by {@link Profile.Arithmetic}; 0
 *     where unknown
 * @param measured whether they were measured
 */
public record Ceilings(double bytesPerSecond, List<Double> flopsPerSecond, boolean measured) {
  /** Nothing is known. */
  public static final Ceilings UNKNOWN = new Ceilings(0, List.of(0.0, 0.0, 0.0), false);

  private static final double GIGA = 1e9;
  private static final int SUM = 1 << 24; // elements: three tensors of 64 MiB
  private static final int SIDE = 1024; // of a matrix
  private static final int LEAST = 4;
  private static final double SECONDS = 0.3;

  /**
   * The ceilings of a device.
   *
   * @param device a device; what is measured uses a second handle of it, so its memory statistics
   *     stay as they are
   * @return what is known: nothing about devices of the tests
   */
  public static Ceilings of(Device device) {
    Ceilings known = Profiler.ceilings(device);
    boolean processor = device.info().architecture() == 0 && device.dtype() == DType.F32;
    if (known.bytesPerSecond() > 0 || !processor || !device.info().executes()) {
      return known;
    }
    try (Device own = device.share(device.info().threads());
        Stream stream = new Stream(own);
        TensorArena arena = new TensorArena(own, "ceilings")) {
      return new Ceilings(sum(stream, arena), List.of(product(stream, arena), 0.0, 0.0), true);
    }
  }

  /** c = a + b, as in the STREAM benchmark. */
  private static double sum(Stream stream, TensorArena arena) {
    Tensor a = arena.tensor(Shape.of(SUM));
    Tensor b = arena.tensor(Shape.of(SUM));
    Tensor c = arena.tensor(Shape.of(SUM));
    a.fill(stream, 1);
    b.fill(stream, 2);
    double least =
        least(
            stream, () -> stream.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(a, b, c));
    return 3.0 * SUM * Float.BYTES / least;
  }

  private static double product(Stream stream, TensorArena arena) {
    Tensor x = arena.tensor(Shape.of(SIDE, SIDE));
    Tensor w = arena.tensor(Shape.of(SIDE, SIDE));
    Tensor y = arena.tensor(Shape.of(SIDE, SIDE));
    x.fill(stream, 1);
    w.fill(stream, 1);
    double least =
        least(
            stream,
            () ->
                stream
                    .launch(Fn.LINEAR_FWD, Struct.ACTIVATION_PARAMS)
                    .i32(0)
                    .f32(0)
                    .run(x, w, null, null, y));
    return 2.0 * SIDE * SIDE * SIDE / least;
  }

  private static double least(Stream stream, Runnable work) {
    work.run();
    stream.sync();
    double least = Double.POSITIVE_INFINITY;
    long begin = System.nanoTime();
    for (int i = 0; i < LEAST || System.nanoTime() - begin < SECONDS * GIGA; i++) {
      long start = System.nanoTime();
      work.run();
      stream.sync();
      least = Math.min(least, (System.nanoTime() - start) / GIGA);
    }
    return least;
  }

  /**
   * The ceiling of products.
   *
   * @param arithmetic what they are computed in
   * @return per second, 0 if unknown
   */
  public double flopsPerSecond(Profile.Arithmetic arithmetic) {
    return flopsPerSecond.get(arithmetic.ordinal());
  }

  /** One line. */
  String text() {
    if (bytesPerSecond == 0) {
      return "ceilings: unknown";
    }
    StringBuilder out =
        new StringBuilder(String.format(Locale.ROOT, "ceilings: %.1f GB/s", bytesPerSecond / GIGA));
    for (Profile.Arithmetic a : Profile.Arithmetic.values()) {
      if (flopsPerSecond(a) > 0) {
        out.append(
            String.format(
                Locale.ROOT,
                ", %.1f GFLOP/s in %s",
                flopsPerSecond(a) / GIGA,
                a.name().toLowerCase(Locale.ROOT)));
      }
    }
    return out + (measured ? " (measured)" : " (from the device's properties)");
  }
}
