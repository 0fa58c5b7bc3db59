package io.github.eqvae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Adam over the 9·channels² weights of a convolution. In fp32 on every device. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class AdamKernels {
  /** As in {@link KernelBenchmark}. */
  @Param("cpu")
  public String device;

  /** Who runs it; not {@code CUDNN}. */
  @Param("EQVAE")
  public KernelPeer peer;

  /** Of the convolution. */
  @Param("1024")
  public int channels;

  private Work work;

  static Work work(int channels, String device, KernelPeer peer) {
    return switch (peer) {
      case EQVAE -> new AdamWork.Eqvae(channels, device);
      case TORCH -> new AdamWork.Torch(channels);
      case CUDNN, CUBLAS -> throw new IllegalArgumentException(peer + " has no optimiser");
    };
  }

  /** Allocates weights. */
  @Setup
  public void prepare() {
    work = work(channels, device, peer);
  }

  /** One update. */
  @Benchmark
  public void run() {
    work.run();
  }

  /** Frees them. */
  @TearDown
  public void close() {
    work.close();
  }
}
