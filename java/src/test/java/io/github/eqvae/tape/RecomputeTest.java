package io.github.eqvae.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.op.Scale;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Saving memory must not change a bit: recomputed blocks, and arenas that reuse memory. */
class RecomputeTest {
  private static final int CHANNELS = 4;
  private static final Shape IMAGE = Shape.of(2, 5, 6, CHANNELS);

  /** Blocks that treat the gradient of their input in different ways. */
  enum Body {
    RESIDUAL,
    PLAIN,
    ADDS_A_PARAMETER,
    RESHAPES,
    NOTHING,
    NESTED,
    /** The block's last convolution adds the input and makes the next block's statistics. */
    FUSED
  }

  /** Three blocks with parameters, a skip around them, a loss. */
  private static final class Network {
    final List<Block> blocks = new ArrayList<>();
    final Body body;

    Network(Scope scope, Body body) {
      this.body = body;
      for (int i = 0; i < 3; i++) {
        Scope s = scope.in("block", i);
        GroupNorm norm =
            new GroupNorm(s.in("norm"), CHANNELS, new io.github.eqvae.op.GroupNorm(2, 1e-6, true));
        Conv2d conv =
            new Conv2d(s.in("conv"), CHANNELS, CHANNELS, 3, new io.github.eqvae.op.Conv2d(1, 1));
        Conv2d fused =
            new Conv2d(
                s.in("fused"),
                CHANNELS,
                CHANNELS,
                3,
                new io.github.eqvae.op.Conv2d(1, 1).with(new GroupStatistics(2, 1e-6)));
        Parameter shift = s.parameter("shift", new Init.Uniform(0.5), 2, 5, 6, CHANNELS);
        Block inner =
            (t, x) ->
                switch (body) {
                  case RESIDUAL -> t.apply(new Add(), x, conv.forward(t, norm.forward(t, x)));
                  case FUSED -> fused.forward(t, norm.forward(t, x), x);
                  case PLAIN -> conv.forward(t, norm.forward(t, x));
                  case ADDS_A_PARAMETER -> t.apply(new Add(), x, shift.on(t));
                  case RESHAPES -> t.apply(new Reshape(x.shape()), x);
                  case NOTHING -> x;
                  case NESTED ->
                      t.block(
                          (tt, xx) -> tt.apply(new Silu(), tt.apply(new Add(), xx, shift.on(tt))),
                          x);
                };
        blocks.add(inner);
      }
    }

    Tensor loss(Tape tape, Tensor x, Tensor target) {
      Tensor h = x;
      for (Block b : blocks) {
        h = tape.block(b, h);
      }
      Tensor y = tape.apply(new Add(), tape.apply(new Scale(0.5), h), x);
      return tape.apply(new PixelLoss(PixelLoss.Kind.L2, 1.0 / IMAGE.elements()), y, target);
    }
  }

  private record Outcome(double loss, double[] gradients, double[] dx) {}

  private static Outcome run(
      String deviceName, Body body, Tape.Mode mode, boolean reuse, boolean watchInput) {
    try (Device device = Device.open(deviceName);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step", reuse)) {
      ParameterStore.Builder builder = new ParameterStore.Builder();
      Network network = new Network(builder.root(), body);
      try (ParameterStore store = builder.build(stream, 7, true)) {
        Tensor x = arena.tensor(IMAGE);
        Tensor target = arena.tensor(IMAGE);
        x.normal(stream, 1, 2, 0, 1);
        target.normal(stream, 1, 3, 0, 1);
        double[] dx = {};
        if (watchInput) {
          Tape tape = new Tape(stream, arena, mode);
          tape.watch(x);
          Tensor loss = network.loss(tape, x, target);
          dx = tape.gradients(List.of(tape.seed(loss, 1)), List.of(x)).get(x).toDoubles(stream);
        }
        store.newUpdate();
        Tape tape = new Tape(stream, arena, mode);
        Tensor loss = network.loss(tape, x, target);
        tape.backward(List.of(tape.seed(loss, 1)));
        return new Outcome(loss.item(stream), store.gradients(stream).toDoubles(stream), dx);
      }
    }
  }

  private static void same(Outcome expected, Outcome actual, boolean learns) {
    assertArrayEquals(new double[] {expected.loss}, new double[] {actual.loss}, "loss");
    assertArrayEquals(expected.gradients, actual.gradients, "gradients of parameters");
    assertArrayEquals(expected.dx, actual.dx, "gradient of the input");
    assertTrue(
        !learns || Arrays.stream(expected.gradients).anyMatch(g -> g != 0), "nothing was learned");
  }

  private static boolean learns(Body body) {
    return body != Body.NOTHING && body != Body.RESHAPES;
  }

  private static List<String> devices() {
    List<String> all = new ArrayList<>(Devices.computing());
    all.add("ref");
    return all;
  }

  @ParameterizedTest
  @EnumSource
  void recomputingGivesTheBitsOfRecording(Body body) {
    for (String device : devices()) {
      Outcome recorded = run(device, body, Tape.Mode.RECORD, true, true);
      same(recorded, run(device, body, Tape.Mode.RECOMPUTE, true, true), learns(body));
      same(recorded, run(device, body, Tape.Mode.RECOMPUTE, false, true), learns(body));
    }
  }

  @ParameterizedTest
  @EnumSource
  void reusingMemoryGivesTheBitsOfFreshMemory(Body body) {
    for (String device : devices()) {
      same(
          run(device, body, Tape.Mode.RECORD, false, true),
          run(device, body, Tape.Mode.RECORD, true, true),
          learns(body));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ref", "cpu"})
  void blocksOverConstantsLearnToo(String device) {
    Outcome recorded = run(device, Body.PLAIN, Tape.Mode.RECORD, true, false);
    same(recorded, run(device, Body.PLAIN, Tape.Mode.RECOMPUTE, true, false), true);
  }

  @Test
  void anotherSeedWouldShow() {
    Outcome one = run("ref", Body.PLAIN, Tape.Mode.RECORD, true, false);
    Outcome other = run("ref", Body.RESIDUAL, Tape.Mode.RECORD, true, false);
    assertNotEquals(one.loss, other.loss);
  }
}
