package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Devices draw the numbers of {@link Philox}: element i is word i mod 4 of block i div 4. */
class DeviceRandomTest {
  private static final long SEED = 0x1234_5678_9abcL;
  private static final long PURPOSE = 0x5_0000_0007L;
  private static final int COUNT = 1027; // the last block is not whole

  static List<String> devices() {
    return Stream.concat(Stream.of("ref"), Devices.computing().stream()).toList();
  }

  private static float[] drawn(String name, boolean normal) {
    try (Device device = Device.open(name);
        io.github.eqvae.tensor.Stream stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor out = arena.tensor(Shape.of(COUNT));
      if (normal) {
        out.normal(stream, SEED, PURPOSE, 0.25, 2);
      } else {
        out.uniform(stream, SEED, PURPOSE, -1, 3);
      }
      return out.toFloats(stream);
    }
  }

  /** Computed in double and rounded once; the last bit may differ where that is a near tie. */
  private static void assertClose(double expected, float got, int i) {
    assertEquals(expected, got, Math.ulp((float) expected), () -> "element " + i);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void uniforms(String name) {
    float[] got = drawn(name, false);
    for (int i = 0; i < COUNT; i++) {
      int[] words = Philox.block(SEED, i / 4, PURPOSE);
      assertClose(-1 + 4 * Philox.uniform(words[i % 4]), got[i], i);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void normals(String name) {
    float[] got = drawn(name, true);
    for (int i = 0; i < COUNT; i++) {
      int[] words = Philox.block(SEED, i / 4, PURPOSE);
      int first = i % 4 < 2 ? 0 : 2;
      double radius = Math.sqrt(-2 * Math.log(Philox.uniform(words[first])));
      double angle = 2 * Math.PI * Philox.uniform(words[first + 1]);
      double normal = radius * (i % 2 == 0 ? Math.cos(angle) : Math.sin(angle));
      assertClose(0.25 + 2 * normal, got[i], i);
    }
  }
}
