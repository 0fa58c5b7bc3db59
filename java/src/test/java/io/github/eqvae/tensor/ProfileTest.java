package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Attention;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a profile counts, and that it changes nothing. */
class ProfileTest {
  private static final int FLOAT = 4;

  static List<String> devices() {
    return Devices.computing();
  }

  static List<String> withGraphs() {
    return devices().stream().filter(d -> !d.equals("cpu")).toList();
  }

  /** Two linear layers, a SiLU between them, a loss, and back. */
  private static final class Toy implements AutoCloseable {
    final Stream stream;
    final TensorArena arena;
    final ParameterStore store;
    final Linear first;
    final Linear second;
    final Tensor x;
    final Tensor y;

    Toy(Device device) {
      stream = new Stream(device);
      arena = new TensorArena(device, "toy");
      ParameterStore.Builder builder = new ParameterStore.Builder();
      first = new Linear(builder.root().in("first"), 5, 8);
      second = new Linear(builder.root().in("second"), 8, 2);
      store = builder.build(stream, 1, true);
      x = arena.tensor(Shape.of(3, 5));
      y = arena.tensor(Shape.of(3, 2));
      x.normal(stream, 1, 1, 0, 1);
      y.normal(stream, 1, 2, 0, 1);
    }

    float[] step() {
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      store.newUpdate();
      Tensor h = tape.apply(new Silu(), first.forward(tape, x));
      PixelLoss mean = new PixelLoss(PixelLoss.Kind.L2, 0.5);
      Tensor loss = tape.apply(mean, second.forward(tape, h), y);
      tape.backward(List.of(tape.seed(loss, 1)));
      return store.gradients(stream).toFloats(stream);
    }

    @Override
    public void close() {
      store.close();
      arena.close();
      stream.close();
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void everyOperationOfAStepIsThereWithItsCallsAndTheResultsAreTheSame(String name) {
    try (Device device = Device.open(name);
        Toy toy = new Toy(device)) {
      float[] without = toy.step();
      float[] with;
      Profile profile;
      try (Profiler profiler = Profiler.start(device)) {
        with = toy.step();
        profile = profiler.read();
      }
      assertArrayEquals(without, with);
      Map<String, Long> calls =
          profile.operations().stream()
              .collect(
                  Collectors.toMap(
                      Profile.Row::operation, Profile.Row::calls, Long::sum, TreeMap::new));
      Map<String, Long> expected =
          new TreeMap<>(
              Map.of(
                  "linear", 2L,
                  "activation", 1L,
                  "loss", 1L,
                  "loss_bwd", 1L,
                  "linear_bwd_input", 1L,
                  "linear_bwd_weight", 2L,
                  "activation_bwd", 1L,
                  "fill", 1L,
                  "copy_out", 1L));
      assertEquals(expected, calls);
      double inside = profile.operations().stream().mapToDouble(Profile.Row::seconds).sum();
      assertTrue(inside > 0 && inside <= profile.seconds(), profile::toString);
      for (Profile.Row kernel : profile.kernels()) {
        Profile.Row operation = row(profile, kernel.operation());
        assertTrue(kernel.seconds() <= operation.seconds() * 1.001, kernel::toString);
      }
    }
  }

  private static Profile.Row row(Profile profile, String operation) {
    return profile.operations().stream()
        .filter(r -> r.operation().equals(operation))
        .findFirst()
        .orElseThrow(() -> new AssertionError(operation + " is not in " + profile));
  }

  private static void counted(
      Profile profile, String operation, double products, double... tensors) {
    Profile.Row row = row(profile, operation);
    assertEquals(2 * products, row.flops(), operation);
    double elements = 0;
    for (double t : tensors) {
      elements += t;
    }
    assertEquals(FLOAT * elements, row.bytes(), operation);
  }

  /** By hand: a product for each element of the result and each value that is summed up in it. */
  @ParameterizedTest
  @MethodSource("devices")
  void bytesAndProductsAreThoseOfTheShapes(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        Profiler profiler = Profiler.start(device)) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      // x{2,5,7,3} and w{4,3,3,3}: y{2,3,4,4} with stride 2 and padding 1
      tape.apply(new Conv2d(2, 1), of(arena, 2, 5, 7, 3), of(arena, 4, 3, 3, 3), of(arena, 4));
      // Queries of 5 tokens, keys and values of 7, two heads of 4 channels.
      tape.apply(new Attention(2), of(arena, 2, 5, 8), of(arena, 2, 7, 8), of(arena, 2, 7, 8));
      // Six tokens; queries, keys and values of 8 channels in one tensor.
      tape.apply(new SelfAttention(2), of(arena, 2, 6, 24));
      stream
          .launch(Fn.LINEAR_FWD, Struct.ACTIVATION_PARAMS)
          .i32(0)
          .f32(0)
          .run(of(arena, 3, 10), of(arena, 6, 10), of(arena, 6), null, of(arena, 3, 6));
      stream
          .launch(Fn.SELF_ATTENTION_BWD, Struct.SELF_ATTENTION_PARAMS)
          .i32(2)
          .f32(1)
          .i32(0)
          .u64(0)
          .u64(0)
          .f64(0)
          .run(
              null,
              of(arena, 2, 6, 8),
              of(arena, 2, 6, 24),
              of(arena, 2, 6, 8),
              of(arena, 2, 2, 6),
              of(arena, 2, 6, 24));
      of(arena, 6, 9).narrow(1, 0, 4).copyTo(stream, of(arena, 6, 4));
      Profile profile = profiler.read();
      counted(profile, "conv2d", 2 * 3 * 4 * 4 * (3 * 3 * 3), 210, 108, 4, 96);
      counted(profile, "attention", 2 * (2 * 5 * 7 * 8), 80, 112, 112, 80, 20);
      counted(profile, "self_attention", 2 * (2 * 6 * 6 * 8), 288, 96, 24);
      counted(profile, "self_attention_bwd", 5 * (2 * 6 * 6 * 8), 96, 288, 96, 24, 288);
      counted(profile, "linear", 3 * 6 * 10, 30, 60, 6, 18);
      counted(profile, "copy", 0, 24, 24);
    }
  }

  private static Tensor of(TensorArena arena, long... shape) {
    return arena.tensor(Shape.of(shape));
  }

  @ParameterizedTest
  @MethodSource("devices")
  void kernelsHaveTheirNames(String name) {
    try (Device device = Device.open(name);
        Toy toy = new Toy(device);
        Profiler profiler = Profiler.start(device)) {
      toy.step();
      List<Profile.Row> kernels = profiler.read().kernels();
      List<Profile.Row> linear =
          kernels.stream().filter(r -> r.operation().equals("linear")).toList();
      assertFalse(linear.isEmpty(), kernels::toString);
      if (name.equals("cpu")) {
        assertTrue(linear.stream().allMatch(r -> r.kernel().startsWith("oneDNN ")));
      } else {
        assertTrue(kernels.stream().anyMatch(r -> r.operation().equals("activation")));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void nothingIsMeasuredUnlessAskedForNorAfterTheEnd(String name) {
    try (Device device = Device.open(name);
        Toy toy = new Toy(device)) {
      assertFalse(Profiler.wanted());
      toy.step();
      Profiler profiler = Profiler.start(device);
      assertEquals(List.of(), profiler.read().rows());
      toy.step();
      profiler.close();
      Profile before = profiler.read();
      toy.step();
      assertEquals(before, profiler.read());
      Profiler.start(device);
      assertEquals(List.of(), profiler.read().rows(), "a start forgets what was before");
    }
  }

  @Test
  void aCallThatFailsIsNotCounted() {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        Profiler profiler = Profiler.start(device)) {
      assertThrows(
          EqvaeException.Argument.class,
          () ->
              stream
                  .launch(Fn.AXPBY, Struct.AXPBY_PARAMS)
                  .f32(1)
                  .f32(1)
                  .run(of(arena, 3), null, of(arena, 4)));
      assertEquals(List.of(), profiler.read().rows());
      of(arena, 4).fill(stream, 1);
      assertEquals(1, profiler.read().rows().size());
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("withGraphs")
  void graphsAreRefusedOrAreOneRow(String name) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor x = of(arena, 100);
      try (Graph graph = stream.capture(() -> x.fill(stream, 3))) {
        try (Profiler profiler = Profiler.start(device)) {
          EqvaeException e =
              assertThrows(
                  EqvaeException.Unsupported.class, () -> stream.capture(() -> x.fill(stream, 4)));
          assertTrue(e.getMessage().contains("profile"), e.getMessage());
          graph.launch(stream);
          Profile profile = profiler.read();
          assertEquals(1, row(profile, "graph_launch").calls());
          assertEquals(1, profile.rows().size());
        }
        assertEquals(3, x.toFloats(stream)[99]);
        stream.capture(() -> x.fill(stream, 4)).close();
      }
    }
  }

  @Test
  void aProcessorsCeilingsAreMeasuredAndThoseOfTheReferenceAreUnknown() {
    try (Device device = Device.open("cpu")) {
      Ceilings ceilings = Ceilings.of(device);
      assertTrue(ceilings.measured());
      assertTrue(ceilings.bytesPerSecond() > 1e8, ceilings::toString);
      assertTrue(ceilings.flopsPerSecond(Profile.Arithmetic.FP32) > 1e8, ceilings::toString);
      assertEquals(0, device.memory().peakBytes(), "the device's own statistics stay");
    }
    try (Device device = Device.open("ref")) {
      assertEquals(Ceilings.UNKNOWN, Ceilings.of(device));
    }
  }

  @Test
  void theTable() {
    Ceilings ceilings = new Ceilings(10e9, List.of(100e9, 0.0, 400e9), false);
    Profile profile =
        new Profile(
            "toy",
            0.1,
            List.of(
                new Profile.Row("silu", "", Profile.Arithmetic.FP32, 4, 0.01, 5e7, 0),
                new Profile.Row("conv2d", "", Profile.Arithmetic.BF16, 2, 0.05, 1e6, 1e10),
                new Profile.Row("conv2d", "wgmma", Profile.Arithmetic.BF16, 2, 0.04, 1e6, 1e10)));
    String table =
        profile
            .text(ceilings)
            .lines()
            .map(l -> l.replaceAll(" +", " "))
            .collect(Collectors.joining("\n"));
    assertEquals(
        """
        profile of 0.100 s on toy
        ceilings: 10.0 GB/s, 100.0 GFLOP/s in fp32, 400.0 GFLOP/s in bf16 (from the device's properties)
        operation calls total ms share GB/s GFLOP/s ceiling
        conv2d (bf16) 2 50.00 50.0 % 0.0 200.0 50 %
        silu 4 10.00 10.0 % 5.0 50 %
        (between operations) 40.00 40.0 %

        operation: kernel calls total ms share GB/s GFLOP/s ceiling
        conv2d: wgmma (bf16) 2 40.00 40.0 % 0.0 250.0 63 %\
        """
            .strip(),
        table);
  }
}
