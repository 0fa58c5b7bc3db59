package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Devices;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Frozen parameters and their moments stay; the others move as if none were frozen. */
class FrozenParametersTest {
  static List<String> devices() {
    return Devices.computing();
  }

  /** Several that lie together, and some alone, of sizes that are padded. */
  private static ParameterStore store(Stream stream) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    for (String name : List.of("encoder.a", "encoder.b", "decoder.a", "quant.a", "decoder.b")) {
      builder.root().parameter(name, new Init.Uniform(1), name.length() + 30, 3);
    }
    return builder.build(stream, 3, true);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void updatesLeaveThemAlone(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        ParameterStore all = store(stream);
        ParameterStore some = store(stream)) {
      some.freeze(n -> n.startsWith("encoder.") || n.startsWith("quant."));
      AdamOptimizer every =
          new AdamOptimizer(all, stream, new AdamSettings(0.9, 0.99, 1e-8, 0.1, true));
      AdamOptimizer few =
          new AdamOptimizer(some, stream, new AdamSettings(0.9, 0.99, 1e-8, 0.1, true));
      Ema average = new Ema(some, stream);
      double[] before = some.values().toDoubles(stream);
      for (int i = 0; i < 3; i++) {
        all.gradients(stream).normal(stream, 5, i, 0, 1);
        some.gradients(stream).normal(stream, 5, i, 0, 1);
        every.step(stream, 1e-2, 1);
        few.step(stream, 1e-2, 1, average, 0.5);
      }
      for (Parameter p : some.learned()) {
        double[] value = p.value().toDoubles(stream);
        if (p.name().startsWith("decoder.")) {
          assertFalse(p.isFrozen());
          assertArrayEquals(all.get(p.name()).value().toDoubles(stream), value, p.name());
        } else {
          assertTrue(p.isFrozen());
        }
      }
      double[] after = some.values().toDoubles(stream);
      double[] first = few.firstMoment().toDoubles(stream);
      double[] second = few.secondMoment().toDoubles(stream);
      double[] mean = average.average().toDoubles(stream);
      int at = 0;
      int moved = 0;
      for (Parameter p : some.learned()) {
        long length = (p.shape().elements() + 15) / 16 * 16;
        for (int i = at; i < at + length; i++) {
          if (p.isFrozen()) {
            assertTrue(
                after[i] == before[i] && first[i] == 0 && second[i] == 0 && mean[i] == before[i],
                p.name());
          } else if (after[i] != before[i]) {
            moved++;
          }
        }
        at += (int) length;
      }
      assertTrue(moved > 200, "the others learn");
      assertThrows(EqvaeException.Argument.class, () -> all.freeze(n -> true));
    }
  }
}
