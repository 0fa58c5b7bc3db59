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

/** One operation on a device: the common part of the kernel benchmarks. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public abstract class KernelBenchmark {
  /** {@code cpu}, {@code cuda}, {@code cuda:1}, …; {@code simt} runs kernels without a GPU. */
  @Param("cpu")
  public String device;

  /** Of activations: {@code f32}; on a GPU also {@code bf16}. */
  @Param("f32")
  public String dtype;

  /** Who runs it. */
  @Param("EQVAE")
  public KernelPeer peer;

  private Work work;

  /** What the parameters say. */
  abstract KernelSpec spec();

  /** Allocates and draws the inputs. */
  @Setup
  public void prepare() {
    work = spec().work(device, dtype, peer);
  }

  /** Runs it once and waits for the device. */
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
