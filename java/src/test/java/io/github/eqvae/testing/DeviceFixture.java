package io.github.eqvae.testing;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Opens a device, a stream and an arena before each test of a class, and closes them after it. */
public abstract class DeviceFixture {
  private final String name;
  private final int threads;
  protected Device device;
  protected Stream stream;
  protected TensorArena arena;

  protected DeviceFixture(String name) {
    this(name, 0);
  }

  /** With a number of threads; 0 is the device's default. */
  protected DeviceFixture(String name, int threads) {
    this.name = name;
    this.threads = threads;
  }

  @BeforeEach
  void open() {
    device = Device.open(name, threads);
    stream = new Stream(device);
    arena = new TensorArena(device, "test");
  }

  @AfterEach
  void close() {
    arena.close();
    stream.close();
    device.close();
  }
}
