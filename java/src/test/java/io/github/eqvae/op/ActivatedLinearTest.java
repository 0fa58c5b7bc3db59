package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Profile;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A linear layer with an activation has the bits of a linear layer and an activation after it, in
 * one pass; and the same bits where its input is not kept for a backward pass.
 */
class ActivatedLinearTest {
  private static final Activation LEAKY = Activation.leakyRelu(0.2);

  /** How activations are stored and multiplied. */
  private enum Precision {
    FP32,
    TF32,
    BF16
  }

  record Case(String device, Precision precision, Activation function, int rows, int in, int out) {
    /** Few inputs or outputs, and many of the others: bf16 kernels that an activation follows. */
    boolean isThin() {
      return precision == Precision.BF16 && Math.min(in, out) <= 8 && Math.max(in, out) % 8 == 0;
    }

    DType dtype() {
      return precision == Precision.BF16 ? DType.BF16 : DType.F32;
    }
  }

  private static List<Case> on(String device, Precision p) {
    List<Case> cases = new ArrayList<>();
    // Rows, inputs, outputs: some that no tile divides, all widths of tiles, several tiles.
    cases.add(new Case(device, p, Activation.GELU_TANH, 5, 7, 3));
    cases.add(new Case(device, p, Activation.GELU, 70, 24, 17));
    cases.add(new Case(device, p, Activation.SILU, 33, 4, 48));
    cases.add(new Case(device, p, Activation.SILU, 33, 9, 48));
    cases.add(new Case(device, p, Activation.RELU, 130, 40, 56));
    cases.add(new Case(device, p, LEAKY, 129, 72, 131));
    cases.add(new Case(device, p, Activation.GELU_TANH, 300, 72, 40));
    cases.add(new Case(device, p, Activation.GELU, 300, 72, 200));
    cases.add(new Case(device, p, Activation.SILU, 1, 136, 264));
    return cases;
  }

  static List<Case> multiplied() {
    List<Case> cases = new ArrayList<>();
    for (String device : Devices.computing()) {
      if (!"cpu".equals(device)) {
        cases.addAll(on(device, Precision.FP32));
        cases.addAll(on(device, Precision.TF32));
        cases.addAll(on(device, Precision.BF16));
      }
      if ("simt".equals(device)) {
        cases.addAll(on("simt:1", Precision.BF16));
      }
    }
    return cases;
  }

  static List<Case> all() {
    List<Case> cases = new ArrayList<>(multiplied());
    if (Devices.computing().contains("cpu")) {
      cases.addAll(on("cpu", Precision.FP32));
    }
    return cases;
  }

  /** The tensors of a case. */
  private static final class Layer implements AutoCloseable {
    final Device device;
    final Stream stream;
    final TensorArena arena;
    final Tensor x;
    final Tensor weight;
    final Tensor bias;

    Layer(Case c) {
      device = Device.open(c.device());
      stream = new Stream(device);
      arena = new TensorArena(device, "test", false);
      if (c.precision() == Precision.TF32) {
        stream.math(MathMode.TF32);
      }
      x = normal(1, c.rows(), c.in()).to(c.dtype());
      weight = normal(2, c.out(), c.in()).values;
      bias = normal(3, c.out()).values;
    }

    private record Numbers(Layer layer, Tensor values) {
      Tensor to(DType dtype) {
        Tensor t = layer.arena.tensor(values.shape(), dtype);
        values.copyTo(layer.stream, t);
        return t;
      }
    }

    private Numbers normal(long seed, long... extents) {
      Tensor t = arena.tensor(Shape.of(extents));
      t.normal(stream, seed, 1, 0, 1);
      return new Numbers(this, t);
    }

    double[] read(Tensor t) {
      return new Numbers(this, t).to(DType.F32).toDoubles(stream);
    }

    double[] run(Op op, Tape tape, @Nullable Tensor bias) {
      return read(tape.apply(op, x, weight, bias));
    }

    Tape tape(Tape.Mode mode) {
      return new Tape(stream, arena, mode);
    }

    @Override
    public void close() {
      arena.close();
      stream.close();
      device.close();
    }
  }

  private static Op alone(Activation function) {
    return switch (function.kind()) {
      case SILU -> new Silu();
      case RELU -> new Relu();
      case LEAKY_RELU -> new LeakyRelu(function.slope());
      case GELU -> new Gelu(false);
      default -> new Gelu(true);
    };
  }

  @ParameterizedTest
  @MethodSource("multiplied")
  void hasTheBitsOfTwoPasses(Case c) {
    try (Layer layer = new Layer(c)) {
      Tape tape = layer.tape(Tape.Mode.INFERENCE);
      for (Tensor bias : new Tensor[] {layer.bias, null}) {
        Tensor z = tape.apply(new Linear(), layer.x, layer.weight, bias);
        double[] expected = layer.read(tape.apply(alone(c.function()), z));
        assertArrayEquals(expected, layer.run(new Linear(c.function()), tape, bias));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void hasTheSameBitsWithAndWithoutABackwardPass(Case c) {
    try (Layer layer = new Layer(c)) {
      Tape recording = layer.tape(Tape.Mode.RECORD);
      recording.watch(layer.x);
      Op op = new Linear(c.function());
      assertArrayEquals(
          layer.run(op, recording, layer.bias),
          layer.run(op, layer.tape(Tape.Mode.INFERENCE), layer.bias));
    }
  }

  @ParameterizedTest
  @MethodSource("multiplied")
  void isOneKernelAndStoresOnlyWhatIsRead(Case c) {
    try (Layer layer = new Layer(c)) {
      long values = (long) c.rows() * c.out();
      double once = bytes(c, layer, Tape.Mode.INFERENCE);
      double kept = bytes(c, layer, Tape.Mode.RECORD);
      assertEquals(values * c.dtype().bytes(), kept - once, "the activation's input");
    }
  }

  /** Of a forward pass, whose kernels are looked at. */
  private static double bytes(Case c, Layer layer, Tape.Mode mode) {
    Profile profile;
    try (Profiler profiler = Profiler.start(layer.device)) {
      Tape tape = layer.tape(mode);
      tape.watch(layer.x);
      tape.apply(new Linear(c.function()), layer.x, layer.weight, layer.bias);
      profile = profiler.read();
    }
    Set<String> kernels =
        profile.kernels().stream().map(Profile.Row::kernel).collect(Collectors.toSet());
    assertEquals(c.isThin(), kernels.contains("activation_fwd"), kernels::toString);
    assertEquals(!c.isThin(), kernels.contains("linear_fwd"), kernels::toString);
    assertEquals(List.of("linear"), profile.operations().stream().map(r -> r.operation()).toList());
    return profile.operations().getFirst().bytes();
  }
}
