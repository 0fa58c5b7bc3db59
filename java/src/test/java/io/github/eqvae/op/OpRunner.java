package io.github.eqvae.op;

import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Compare;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Runs cases on a device through the tape. */
final class OpRunner implements AutoCloseable {
  /**
   * What a run gave.
   *
   * @param y the output
   * @param gradients per input, null where none was asked for
   * @param after per input, its values after the forward pass, null unless the case says it is
   *     written
   */
  record Result(double[] y, double[][] gradients, double[][] after) {
    /** Fails unless output and gradients have the bits of another result of the case. */
    void assertBitsOf(Result expected, OpCase c) {
      Compare.bitwise(c.name() + " output", c.output(), expected.y, y);
      for (int i = 0; i < c.inputs().size(); i++) {
        assertGradientBitsOf(expected, c, i);
      }
    }

    /** The same for the gradient of one input, if it has one. */
    void assertGradientBitsOf(Result expected, OpCase c, int input) {
      In in = c.inputs().get(input);
      if (in.differentiable()) {
        Compare.bitwise(
            c.name() + " gradient of input " + input,
            in.shape(),
            expected.gradients[input],
            gradients[input]);
      }
    }
  }

  /** Which inputs are bf16. */
  private interface Half {
    boolean test(Op op, int input);
  }

  private static final Half NONE = (op, input) -> false;

  private final Device device;
  private final Stream stream;
  private final TensorArena arena;
  private final Half half;
  private final boolean packs;

  OpRunner(String name) {
    this(name, false);
  }

  /** Multiplies in this mode. */
  OpRunner(String name, MathMode mode) {
    this(name, false);
    stream.math(mode);
  }

  /** With {@code bf16}, activations are bf16 and parameters stay as they are. */
  OpRunner(String name, boolean bf16) {
    this(name, bf16, false);
  }

  /** With {@code packs}, convolutions are given a packed copy of their weight. */
  OpRunner(String name, boolean bf16, boolean packs) {
    this(Device.open(name), bf16 ? OpCases::isActivation : NONE, packs);
  }

  /** With all first inputs in bf16, whether the operation says that it takes that or not. */
  static OpRunner withFirstInBf16(String name) {
    return new OpRunner(Device.open(name), (op, input) -> input == 0, false);
  }

  /** The processor, with this many threads. */
  static OpRunner withThreads(int threads) {
    return new OpRunner(Device.open("cpu", threads), NONE, false);
  }

  /** The same, multiplying in this mode. */
  static OpRunner withThreads(int threads, MathMode mode) {
    OpRunner runner = withThreads(threads);
    runner.stream.math(mode);
    return runner;
  }

  private OpRunner(Device device, Half half, boolean packs) {
    this.device = device;
    this.half = half;
    this.packs = packs;
    stream = new Stream(device);
    arena = new TensorArena(device, "test", false);
  }

  Device device() {
    return device;
  }

  /** Forward, and backward for all differentiable inputs. */
  Result run(OpCase c, OpCase.Sample s) {
    return run(
        c,
        s,
        IntStream.range(0, c.inputs().size())
            .filter(i -> c.inputs().get(i).differentiable())
            .toArray());
  }

  /** Forward, and backward for some inputs. */
  Result run(OpCase c, OpCase.Sample s, int... wrt) {
    arena.reset();
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor[] in = new Tensor[c.inputs().size()];
    for (int i = 0; i < in.length; i++) {
      if (!c.inputs().get(i).isAbsent()) {
        in[i] = place(c.inputs().get(i), s.inputs()[i], dtypeOf(c, i));
      }
    }
    List<Tensor> leaves = new ArrayList<>();
    for (int i : wrt) {
      leaves.add(tape.watch(in[i]));
    }
    Tensor y = tape.apply(c.op(), packs && c.op() instanceof Conv2d ? withPacked(in) : in);
    double[][] after = new double[in.length][];
    for (int i = 0; i < in.length; i++) {
      if (c.inputs().get(i).mutated()) {
        after[i] = in[i].toDoubles(stream);
      }
    }
    double[][] gradients = new double[in.length][];
    if (wrt.length > 0) {
      Tensor seed = arena.tensor(y.shape(), y.dtype());
      set(seed, s.seed());
      Map<Tensor, Tensor> found = tape.gradients(List.of(new Seed(y, seed)), leaves);
      for (int i : wrt) {
        gradients[i] = read(found.get(in[i]));
      }
    }
    return new Result(read(y), gradients, after);
  }

  private Tensor[] withPacked(Tensor[] in) {
    Tensor w = arena.tensor(in[1].shape());
    in[1].copyTo(stream, w);
    PackedWeights packed =
        new PackedWeights(stream, arena, List.of(new PackedWeights.Source(w.shape(), 0)));
    packed.write(stream, w.reshape(Shape.of(w.shape().elements())));
    Tensor[] all = Arrays.copyOf(in, 5);
    all[4] = packed.copies().getFirst();
    return all;
  }

  private double[] read(@Nullable Tensor t) {
    if (t.isContiguous() && t.dtype() != DType.BF16) {
      return t.toDoubles(stream);
    }
    Tensor dense = arena.tensor(t.shape(), t.dtype() == DType.BF16 ? DType.F32 : t.dtype());
    t.copyTo(stream, dense);
    return dense.toDoubles(stream);
  }

  private DType dtypeOf(OpCase c, int input) {
    return c.inputs().get(input).dtypeOr(half.test(c.op(), input) ? DType.BF16 : device.dtype());
  }

  private void set(Tensor t, double[] values) {
    if (t.dtype() == DType.I32) {
      t.setInts(stream, Arrays.stream(values).mapToInt(v -> (int) v).toArray());
    } else if (t.dtype() == DType.BF16) {
      Tensor single = arena.tensor(t.shape(), DType.F32);
      single.set(stream, values);
      single.copyTo(stream, t);
    } else {
      t.set(stream, values);
    }
  }

  private Tensor place(In in, double[] values, DType dtype) {
    Tensor dense = arena.tensor(in.shape(), dtype);
    set(dense, values);
    if (in.layout() == In.Layout.DENSE) {
      return dense;
    }
    int rank = in.shape().rank();
    Tensor view;
    if (in.layout() == In.Layout.NARROWED) {
      Shape wide = in.shape().with(-1, in.shape().dim(-1) + 3).with(0, in.shape().dim(0) + 1);
      Tensor base = arena.tensor(wide, dtype);
      base.fill(stream, Double.NaN);
      view = base.narrow(-1, rank == 1 ? 1 : 2, in.shape().dim(-1));
      view = rank == 1 ? view : view.narrow(0, 1, in.shape().dim(0));
    } else {
      long[] extents = in.shape().extents();
      long[] reversed = new long[rank];
      int[] axes = new int[rank];
      for (int i = 0; i < rank; i++) {
        reversed[i] = extents[rank - 1 - i];
        axes[i] = rank - 1 - i;
      }
      view = arena.tensor(Shape.of(reversed), dtype).permute(axes);
    }
    dense.copyTo(stream, view);
    return view;
  }

  @Override
  public void close() {
    arena.close();
    stream.close();
    device.close();
  }
}
