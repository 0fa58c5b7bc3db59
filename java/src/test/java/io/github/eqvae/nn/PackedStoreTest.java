package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.UpsampleConv2d;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Packed copies of a store's weights: always those of the values, or the shim says so. */
class PackedStoreTest {
  private static final int SIDE = 4;

  /** Convolutions of many shapes: more taps than a tile takes at once, more channels, few. */
  private static final class Net implements AutoCloseable {
    private final Device device;
    final Stream stream;
    private final TensorArena arena;
    private final List<io.github.eqvae.nn.Conv2d> layers = new ArrayList<>();
    final ParameterStore store;

    Net(String name) {
      device = Device.open(name);
      stream = new Stream(device);
      arena = new TensorArena(device, "step", true);
      ParameterStore.Builder builder = new ParameterStore.Builder();
      int[] widths = {3, 32, 40, 40, 72, 32, 1};
      int[] kernels = {3, 5, 3, 1, 3, 4};
      for (int i = 0; i < kernels.length; i++) {
        var op = i == 2 ? new UpsampleConv2d() : new Conv2d(i == 4 ? 2 : 1, kernels[i] / 2);
        Scope scope = builder.root().in("conv", i);
        layers.add(new io.github.eqvae.nn.Conv2d(scope, widths[i], widths[i + 1], kernels[i], op));
      }
      store = builder.build(stream, 7, true);
    }

    /** The network's result, and the gradients of its weights into the store. */
    double[] run() {
      arena.reset();
      store.newUpdate();
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor drawn = arena.tensor(Shape.of(1, SIDE, SIDE, 3));
      drawn.normal(stream, 1, 2, 0, 1);
      Tensor h = arena.tensor(drawn.shape(), DType.BF16);
      drawn.copyTo(stream, h);
      for (io.github.eqvae.nn.Conv2d layer : layers) {
        h = layer.forward(tape, h);
      }
      Tensor seed = arena.tensor(h.shape(), DType.BF16);
      seed.fill(stream, 1);
      tape.keep(h);
      tape.backward(List.of(new Seed(h, seed)));
      Tensor y = arena.tensor(h.shape());
      h.copyTo(stream, y);
      return y.toDoubles(stream);
    }

    @Override
    public void close() {
      store.close();
      arena.close();
      stream.close();
      device.close();
    }
  }

  /** Everything that is done to weights, with the result of the network after each. */
  private static List<double[]> life(Net net) {
    Stream stream = net.stream;
    List<double[]> seen = new ArrayList<>();
    AdamOptimizer adam =
        new AdamOptimizer(net.store, stream, new AdamSettings(0.9, 0.999, 1e-8, 0, false));
    Ema ema = new Ema(net.store, stream);
    seen.add(net.run());
    for (int i = 0; i < 2; i++) {
      adam.step(stream, 1e-2, 1, ema, 0.5);
      seen.add(net.run());
    }
    try (TensorArena arena = new TensorArena(stream.device(), "test")) {
      Tensor skip = arena.tensor(Shape.SCALAR);
      Tensor schedule = arena.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
      schedule.set(stream, adam.schedule(1e-2, 0.5));
      for (double notFinite : new double[] {1, Double.NaN, 0}) {
        skip.fill(stream, notFinite);
        adam.update(stream, schedule, 1, Double.POSITIVE_INFINITY, null, skip, ema);
        seen.add(net.run());
      }
    }
    ema.swap(stream);
    seen.add(net.run());
    ema.swap(stream);
    seen.add(net.run());
    net.store.load(stream, ema.average());
    seen.add(net.run());
    return seen;
  }

  @ParameterizedTest
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void copiesChangeNoBit(String name) {
    try (Net plain = new Net(name);
        Net packed = new Net(name)) {
      packed.store.keepPacked(packed.stream);
      assertNull(packed.store.get("conv.2.weight").packed(), "folded in every call");
      assertTrue(packed.store.bytes() > plain.store.bytes());
      List<double[]> expected = life(plain);
      List<double[]> actual = life(packed);
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), actual.get(i), "state " + i);
      }
      // The updates were seen at all, and what was skipped was not.
      assertFalse(Arrays.equals(expected.get(1), expected.get(2)));
      assertArrayEquals(expected.get(2), expected.get(3));
      assertFalse(Arrays.equals(expected.get(4), expected.get(5)));
      assertFalse(Arrays.equals(expected.get(5), expected.get(6)));
      assertArrayEquals(expected.get(5), expected.get(7));
    }
  }

  /** Under the shim nobody computes with an old copy. */
  @ParameterizedTest
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void anOldCopyIsSeen(String name) {
    if (!name.startsWith("simt")) {
      return;
    }
    try (Net net = new Net(name)) {
      net.store.keepPacked(net.stream);
      Tensor weight = net.store.get("conv.3.weight").value();
      double[] values = weight.toDoubles(net.stream);
      values[values.length - 1] += 1;
      weight.set(net.stream, values);
      EqvaeException e = assertThrows(EqvaeException.Argument.class, net::run);
      assertTrue(e.getMessage().contains("out of date"), e.getMessage());
      net.store.repack(net.stream);
      net.run();
    }
  }
}
