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

/** Encoder and decoder without gradients, one image at a time. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class CodingBenchmark {
  /** Which way. */
  public enum Direction {
    /** Image to moments. */
    ENCODE,
    /** Latent to image. */
    DECODE
  }

  /** {@code sd-vae}: the published network at full width. */
  @Param("sd-vae")
  public String model;

  /** Side of the image in pixels. */
  @Param("256")
  public int side;

  /** Encoder or decoder. */
  @Param public Direction direction;

  /** Who runs it. */
  @Param public Peer peer;

  private Work work;

  static Work work(String model, int side, Direction direction, Peer peer) {
    CodingSetting setting = CodingSetting.of(model, side, direction);
    return peer.isTorch()
        ? new TorchCoding(setting, peer == Peer.TORCH_NHWC)
        : new EqvaeCoding(setting);
  }

  /** Builds the network. */
  @Setup
  public void prepare() {
    work = work(model, side, direction, peer);
  }

  /** One image or latent. */
  @Benchmark
  public void code() {
    work.run();
  }

  /** Frees the network. */
  @TearDown
  public void close() {
    work.close();
  }
}
