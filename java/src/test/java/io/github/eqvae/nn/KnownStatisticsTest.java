package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Convolutions make the statistics of the norm after them on GPUs and where one is planned for or
 * simulated, and nowhere else.
 */
class KnownStatisticsTest {
  static List<String> devices() {
    List<String> all = new ArrayList<>(Devices.computing());
    all.addAll(List.of("ref", "null"));
    return all;
  }

  @ParameterizedTest
  @MethodSource("devices")
  void convolutionsMakeStatisticsWhereTheDeviceGains(String name) {
    boolean cores = List.of("cpu", "ref").contains(name);
    GroupStatistics kind = new GroupStatistics(2, 1e-6);
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step", true)) {
      ParameterStore.Builder builder = new ParameterStore.Builder();
      Conv2d conv =
          new Conv2d(builder.root(), 4, 8, 3, new io.github.eqvae.op.Conv2d(1, 1).with(kind));
      try (ParameterStore store = builder.build(stream, 7, false)) {
        Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
        Tensor y = conv.forward(tape, arena.tensor(Shape.of(1, 5, 6, 4)));
        assertEquals(!cores, tape.statistics(y, kind) != null);
        assertEquals(2, store.all().size());
      }
    }
  }
}
