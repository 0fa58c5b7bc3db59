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

/** A training step, or a forward pass, of a diffusion transformer. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class DitBenchmark {
  /** Size and patch. */
  @Param({"S/2", "B/4"})
  public String model;

  /** Latents of 32×32×4 at once. */
  @Param("8")
  public int batch;

  /** Whether a training step is made. */
  @Param({"true", "false"})
  public boolean training;

  /** Who runs it. */
  @Param public Peer peer;

  private Work work;

  static Work work(DitSetting setting, Peer peer) {
    return peer.isTorch()
        ? new TorchDitWork(setting, peer == Peer.TORCH_NHWC)
        : new EqvaeDit(setting);
  }

  /** Builds the network. */
  @Setup
  public void prepare() {
    work = work(DitSetting.of(model, batch, training), peer);
  }

  /** One step or pass. */
  @Benchmark
  public void run() {
    work.run();
  }

  /** Frees the network. */
  @TearDown
  public void close() {
    work.close();
  }
}
