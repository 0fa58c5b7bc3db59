package io.github.eqvae.bench.model;

/**
 * What a GPU can do, as far as the model needs it.
 *
 * @param multiprocessors how many
 * @param clock clocks a second, under load
 * @param memory bytes a second, read and written together
 * @param cache bytes a second from the cache that multiprocessors share
 * @param products multiplications and additions of bf16 a second that a large product of matrices
 *     reaches, which the power limits
 * @param productClocks clocks of a multiprocessor for 128 × 256 × 64 products of bf16, if nothing
 *     limits the clock
 * @param fp32Products multiplications and additions in single precision a second
 * @param tf32Products the same in TF32
 * @param latency clocks until a value from memory is there
 * @param launch seconds from the end of a kernel to the first instruction of the next in a graph
 */
record Gpu(
    int multiprocessors,
    double clock,
    double memory,
    double cache,
    double products,
    double productClocks,
    double fp32Products,
    double tf32Products,
    double latency,
    double launch) {
  /**
   * An H200. Memory and products: measured (8192³ in bf16 on random data; a copy of 2 GiB). Clock:
   * that of 989 TFLOP/s. Latency and launch: as published for H100, rounded. Cache: of H100, 5.5 to
   * 7 TB/s are published; the lower one.
   */
  static final Gpu H200 =
      new Gpu(132, 1.83e9, 4.3e12, 5.5e12, 790e12, 1024, 60e12, 395e12, 700, 1.5e-6);

  /** With another latency, in clocks, or another speed of the cache, in terabytes a second. */
  Gpu with(String name, double value) {
    boolean ofCache =
        switch (name) {
          case "cache" -> true;
          case "latency" -> false;
          default -> throw new IllegalArgumentException(name + ": expected latency or cache");
        };
    return new Gpu(
        multiprocessors,
        clock,
        memory,
        ofCache ? 1e12 * value : cache,
        products,
        productClocks,
        fp32Products,
        tf32Products,
        ofCache ? latency : value,
        launch);
  }

  /** Of a multiprocessor. */
  static final int SCHEDULERS = 4;

  static final int WARP = 32;
  static final int APPROXIMATIONS = 16; // a clock
  static final int DOUBLES = 64; // a clock
  private static final int REGISTERS = 65536;
  private static final int THREADS = 2048;
  private static final int BLOCKS = 32;
  private static final long SHARED = 228 << 10;
  private static final long SHARED_OF_SYSTEM = 1 << 10;

  /** Blocks that are on a multiprocessor at once. */
  int resident(int threads, int registers, long shared) {
    int allocated = (Math.max(16, registers) + 7) / 8 * 8;
    long most = Math.min(BLOCKS, THREADS / threads);
    most = Math.min(most, REGISTERS / ((long) allocated * threads));
    most = Math.min(most, SHARED / (shared + SHARED_OF_SYSTEM));
    return (int) Math.max(1, most);
  }
}
