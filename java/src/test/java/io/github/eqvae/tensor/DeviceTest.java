package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.testing.Devices;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a device refuses. */
class DeviceTest {
  static List<String> devices() {
    return Devices.computing();
  }

  /** Even a stream that has done nothing: it could not be closed afterwards. */
  @ParameterizedTest
  @MethodSource("devices")
  void staysOpenWhileItHasStreams(String name) {
    try (Device device = Device.open(name)) {
      try (Stream stream = new Stream(device)) {
        EqvaeException.Argument e = assertThrows(EqvaeException.Argument.class, device::close);
        assertTrue(e.getMessage().contains("1 streams are still there"), e.getMessage());
        stream.sync();
      }
    }
  }
}
