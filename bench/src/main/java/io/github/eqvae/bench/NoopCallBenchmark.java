package io.github.eqvae.bench;

import io.github.eqvae.tensor.Device;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What crossing from Java to native code and back costs, status check included. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class NoopCallBenchmark {
  private Device device;

  /** Opens the device. */
  @Setup
  public void open() {
    device = Device.open("cpu");
  }

  /** A native call that does nothing. */
  @Benchmark
  public void call() {
    device.noop();
  }

  /** Closes the device. */
  @TearDown
  public void close() {
    device.close();
  }
}
