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

/** 3×3 convolutions at the sizes where SD-VAE spends its time. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class Conv2dBenchmark {
  /** Channels in and out, side. */
  @Param({"128-128-64", "256-256-32", "512-512-16"})
  public String shape;

  /** What is computed. */
  @Param public ConvDirection direction;

  /** Images. */
  @Param("1")
  public int batch;

  /** Who runs it. */
  @Param public Peer peer;

  private Work work;

  static Work work(ConvShape shape, ConvDirection direction, Peer peer) {
    return peer.isTorch()
        ? new TorchConv(shape, direction, peer == Peer.TORCH_NHWC)
        : new EqvaeConv(shape, direction);
  }

  /** Prepares tensors. */
  @Setup
  public void prepare() {
    work = work(ConvShape.parse(shape, batch), direction, peer);
  }

  /** One call. */
  @Benchmark
  public void conv2d() {
    work.run();
  }

  /** Frees tensors. */
  @TearDown
  public void close() {
    work.close();
  }
}
