package io.github.eqvae.bench.gpu;

import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.Op;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One operation, through the tape as in training: activations in bf16 or, in TF32, fp32; parameters
 * and their gradients in fp32. If one set of inputs would fit into the cache, there are several,
 * used in turn.
 */
final class OpTask extends Task {
  private static final long BEYOND_CACHE = 256L << 20;
  private static final int MOST_SETS = 8;

  /**
   * One set of inputs, recorded on a tape of its own where gradients are wanted. The packed copy is
   * that of a convolution's weight: in training the optimiser makes it.
   */
  private record Recorded(
      Tape tape, Tensor[] inputs, @Nullable Tensor packed, Tensor y, Tensor dy) {}

  private final Case c;
  private Operation operation;
  private final List<Recorded> sets = new ArrayList<>();
  private boolean forward;
  private int next;

  OpTask(Case theCase, Device device) {
    super(theCase, device);
    c = theCase;
  }

  @Override
  void prepare(Case theCase, Device device) {
    forward = !c.isBackward();
    int most = c.kind().equals("cached_read") ? 1 : MOST_SETS;
    operation = Operation.of(c);
    long bytes;
    do {
      long before = inputs.used();
      sets.add(record());
      bytes = inputs.used() - before;
    } while (sets.size() < most && sets.size() * bytes < BEYOND_CACHE);
    stream.sync();
  }

  private Tensor normal(DType dtype, Shape shape) {
    Tensor drawn = arena.tensor(shape); // numbers are drawn in fp32
    drawn.normal(stream, 1, inputs.used(), 0, 1);
    Tensor t = inputs.tensor(shape, dtype);
    drawn.copyTo(stream, t);
    arena.release(drawn);
    return t;
  }

  private Tensor[] draw() {
    return operation.inputs().stream()
        .map(i -> normal(i.dtype(), i.shape()))
        .toArray(Tensor[]::new);
  }

  private @Nullable Tensor packed(Tensor[] x) {
    boolean reads = x[0].dtype() == DType.BF16 && stream.device().info().readsPackedWeights();
    if (!(operation.op() instanceof Conv2d) || !reads) {
      return null;
    }
    Tensor w = x[1];
    PackedWeights packed =
        new PackedWeights(stream, inputs, List.of(new PackedWeights.Source(w.shape(), 0)));
    packed.write(stream, w.reshape(Shape.of(w.shape().elements())));
    return packed.copies().getFirst();
  }

  private Tensor apply(Tape tape, Tensor[] x, @Nullable Tensor packed) {
    Op op = operation.op();
    return packed == null ? tape.apply(op, x) : tape.apply(op, x[0], x[1], x[2], null, packed);
  }

  private Recorded record() {
    Tensor[] x = draw();
    if (forward) {
      return new Recorded(new Tape(stream, arena, Tape.Mode.INFERENCE), x, packed(x), x[0], x[0]);
    }
    Tape tape = new Tape(stream, inputs, Tape.Mode.RECORD);
    for (Tensor t : x) {
      tape.watch(t);
    }
    Tensor packed = packed(x);
    Tensor y = apply(tape, x, packed);
    return new Recorded(tape, x, packed, y, normal(y.dtype(), y.shape()));
  }

  @Override
  void enqueue() {
    Recorded set = sets.get(next++ % sets.size());
    results(set).forEach(g -> g.arena().release(g));
  }

  private List<Tensor> wanted(Tensor[] x) {
    return operation.wanted().stream().map(i -> x[i]).toList();
  }

  private List<Tensor> results(Recorded set) {
    if (forward) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      return List.of(apply(tape, set.inputs, set.packed));
    }
    List<Tensor> wanted = wanted(set.inputs);
    Map<Tensor, Tensor> found = set.tape.gradients(List.of(new Seed(set.y, set.dy)), wanted);
    return wanted.stream().map(found::get).toList();
  }

  /** The error against the fp32 kernels, which are different ones, on the same numbers. */
  @Override
  double error() {
    Recorded set = sets.getFirst();
    for (Tensor t : results(set)) { // the next results lie where these were
      t.fill(stream, Double.NaN);
      t.arena().release(t);
    }
    List<Tensor> actual = results(set);
    stream.math(MathMode.FP32);
    Tensor[] x = Stream.of(set.inputs).map(this::single).toArray(Tensor[]::new);
    Tape tape = new Tape(stream, arena, forward ? Tape.Mode.INFERENCE : Tape.Mode.RECORD);
    if (!forward) {
      Stream.of(x).forEach(tape::watch);
    }
    Tensor y = tape.apply(operation.op(), x);
    List<Tensor> expected =
        forward ? List.of(y) : results(new Recorded(tape, x, null, y, single(set.dy)));
    stream.math(c.isTf32() ? MathMode.TF32 : MathMode.FP32);
    double worst = 0;
    for (int i = 0; i < actual.size(); i++) {
      double e = distance(single(actual.get(i)), expected.get(i));
      worst = e <= worst ? worst : e; // NaN is the worst
      actual.get(i).arena().release(actual.get(i));
    }
    arena.reset();
    return worst;
  }

  private Tensor single(Tensor t) {
    Tensor out = arena.tensor(t.shape(), DType.F32);
    t.copyTo(stream, out);
    return out;
  }

  /** ‖a − b‖ / ‖b‖. */
  private double distance(Tensor a, Tensor b) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor zero = arena.tensor(b.shape(), DType.F32);
    zero.fill(stream, 0);
    PixelLoss squares = new PixelLoss(PixelLoss.Kind.L2, 1);
    double difference = tape.apply(squares, a, b).item(stream);
    return Math.sqrt(difference / tape.apply(squares, b, zero).item(stream));
  }
}
