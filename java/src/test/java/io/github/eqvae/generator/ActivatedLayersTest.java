package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Profile;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The activations of the generators' linear layers are a part of the products: no kernel reads what
 * a layer stored in order to activate it.
 */
class ActivatedLayersTest {
  private static final int WIDTH = 32;
  private static final int DEPTH = 2;

  /** The calls of a kernel by linear layers that multiply in this way. */
  private static long calls(Profile profile, Profile.Arithmetic arithmetic, String kernel) {
    return profile.kernels().stream()
        .filter(r -> r.operation().equals("linear") && r.kernel().equals(kernel))
        .filter(r -> r.arithmetic() == arithmetic)
        .mapToLong(Profile.Row::calls)
        .sum();
  }

  private static void areFused(Profile profile, Profile.Arithmetic arithmetic) {
    assertEquals(0, calls(profile, arithmetic, "activation_fwd"), profile::toString);
    assertEquals(DEPTH, calls(profile, arithmetic, "linear_fwd"), profile::toString);
  }

  /** DiT and SiT are this network: an MLP a block. */
  @ParameterizedTest
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void aStepOfDit(String name) {
    DitConfig config =
        new DitConfig(3, 6, 2, WIDTH, DEPTH, 2, 4, 4, true, true, false, false, false, false, true);
    try (Device device = Device.open(name);
        Stream s = new Stream(device);
        TensorArena memory = new TensorArena(device, "test")) {
      Dit dit = new Dit(config, s, 7, true);
      dit.computeIn(DType.BF16);
      Tensor x = memory.tensor(Shape.of(2, 6, 6, 3));
      x.normal(s, 1, 2, 0, 1);
      Tensor t = memory.tensor(Shape.of(2));
      t.set(s, 20.0, 700.0);
      Tensor y = memory.tensor(Shape.of(2), DType.I32);
      y.setInts(s, 1, 4);
      Tensor dy = memory.tensor(Shape.of(2, 6, 6, 6));
      dy.normal(s, 3, 4, 0, 1);
      try (Profiler profiler = Profiler.start(device)) {
        Tape tape = new Tape(s, memory, Tape.Mode.RECORD);
        Tensor out = dit.forward(tape, x, t, y);
        tape.backward(List.of(new Seed(out, dy)));
        areFused(profiler.read(), Profile.Arithmetic.BF16);
      }
      dit.parameters().close();
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void aVisionTransformer(String name) {
    VitConfig config = new VitConfig(4, 3, WIDTH, DEPTH, 2, 4 * WIDTH, 0);
    try (Device device = Device.open(name);
        Stream s = new Stream(device);
        TensorArena memory = new TensorArena(device, "test")) {
      VisionTransformer vit = new VisionTransformer(config, PositionResize.HUB, s, 7);
      vit.computeIn(DType.BF16);
      Tensor images = memory.tensor(Shape.of(1, 12, 12, 3));
      images.normal(s, 1, 2, 0, 1);
      try (Profiler profiler = Profiler.start(device)) {
        vit.forward(new Tape(s, memory, Tape.Mode.INFERENCE), images);
        areFused(profiler.read(), Profile.Arithmetic.BF16);
      }
      vit.close();
    }
  }
}
