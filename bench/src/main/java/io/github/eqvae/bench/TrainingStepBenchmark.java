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

/** Whole training steps: forward, backward, Adam, moving average. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class TrainingStepBenchmark {
  /** {@code demo}: recipes/demo.yaml; {@code sd-vae-32}: SD-VAE with ch = 32 at 64 px, batch 8. */
  @Param({"demo", "sd-vae-32"})
  public String model;

  /** The plain branch, or τ with this scale and a quarter turn. */
  @Param({"plain", "eq-0.75"})
  public String branch;

  /** Who runs it. */
  @Param public Peer peer;

  private Work work;

  static Work work(StepSetting setting, Peer peer) {
    return peer.isTorch()
        ? new TorchStep(setting, peer == Peer.TORCH_NHWC)
        : new EqvaeStep(setting);
  }

  /** Builds the networks. */
  @Setup
  public void prepare() {
    work = work(StepSetting.of(model, branch), peer);
  }

  /** One step. */
  @Benchmark
  public void step() {
    work.run();
  }

  /** Frees the networks. */
  @TearDown
  public void close() {
    work.close();
  }
}
