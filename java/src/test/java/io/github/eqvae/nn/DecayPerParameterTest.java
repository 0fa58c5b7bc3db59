package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.github.eqvae.op.Cast;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Parameters with weight decays of their own, and weights of linear layers that are packed. */
class DecayPerParameterTest {
  private static final AdamSettings ADAM = new AdamSettings(0.9, 0.99, 1e-8, 0.5, true);
  private static final List<String> NAMES = List.of("weight", "bias", "gain");

  static List<String> devices() {
    return Devices.computing();
  }

  private static ParameterStore store(Stream stream) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    builder
        .root()
        .weight(new io.github.eqvae.op.Conv2d(1, 0), "weight", Init.torchDefault(5), 3, 5);
    builder.root().parameter("bias", Init.torchDefault(5), 3);
    builder.root().parameter("gain", Init.torchDefault(5), 3);
    return builder.build(stream, 1, true);
  }

  /** Three updates from the same gradients. */
  private static void train(
      ParameterStore store, Stream stream, ToDoubleFunction<Parameter> decay) {
    AdamOptimizer adam = new AdamOptimizer(store, stream, ADAM, decay);
    Random random = new Random(3);
    for (int t = 0; t < 3; t++) {
      store.newUpdate();
      store.gradients(stream);
      for (Parameter p : store.learned()) {
        float[] g = new float[Math.toIntExact(p.shape().elements())];
        for (int i = 0; i < g.length; i++) {
          g[i] = random.nextFloat() - 0.5f;
        }
        p.gradient().set(stream, g);
      }
      adam.step(stream, 0.1, 1);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void eachParameterHasItsOwn(String name) {
    try (Device device = Device.open(name, 2);
        Stream stream = new Stream(device);
        ParameterStore decayed = store(stream);
        ParameterStore free = store(stream);
        ParameterStore mixed = store(stream)) {
      train(decayed, stream, p -> 0.5);
      train(free, stream, p -> 0);
      train(mixed, stream, p -> p.name().equals("bias") ? 0 : 0.5);
      for (String parameter : NAMES) {
        float[] with = decayed.get(parameter).value().toFloats(stream);
        float[] without = free.get(parameter).value().toFloats(stream);
        assertFalse(Arrays.equals(with, without), "the decay makes no difference");
        assertArrayEquals(
            parameter.equals("bias") ? without : with,
            mixed.get(parameter).value().toFloats(stream),
            parameter);
      }
    }
  }

  /** After updates in several runs the copy is that of the weight as it is then. */
  @ParameterizedTest
  @MethodSource("devices")
  void aPackedLinearWeightFollowsItsValue(String name) {
    try (Device device = Device.open(name, 2);
        Stream stream = new Stream(device);
        ParameterStore store = store(stream);
        ParameterStore fresh = store(stream)) {
      if (!device.info().readsPackedWeights()) {
        return;
      }
      store.keepPacked(stream);
      train(store, stream, p -> p.name().equals("bias") ? 0 : 0.5);
      fresh.get("weight").value().set(stream, store.get("weight").value().toFloats(stream));
      fresh.keepPacked(stream);
      Tensor copy = store.get("weight").packed();
      Tensor expected = fresh.get("weight").packed();
      assertNotNull(copy);
      assertNotNull(expected);
      assertArrayEquals(read(stream, expected), read(stream, copy));
    }
  }

  private static float[] read(Stream stream, Tensor bf16) {
    try (TensorArena arena = new TensorArena(stream.device(), "copy")) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      return tape.apply(new Cast(DType.F32), bf16).toFloats(stream);
    }
  }
}
