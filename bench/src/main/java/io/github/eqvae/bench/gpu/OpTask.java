package io.github.eqvae.bench.gpu;

import io.github.eqvae.op.Attention;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.op.Op;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.UpsampleConv2d;
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
 * and their gradients in fp32. Its inputs lie in several sets that take turns where one would fit
 * into the cache.
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
  private Op op;
  private final List<Recorded> sets = new ArrayList<>();
  private boolean forward;
  private int next;

  OpTask(Case theCase, Device device) {
    super(theCase, device);
    c = theCase;
  }

  @Override
  void prepare(Case theCase, Device device) {
    forward = c.text("direction").equals("FORWARD");
    op =
        switch (c.kind()) {
          case "conv2d" -> conv();
          case "upsample_conv2d" -> new UpsampleConv2d();
          case "group_norm_silu" -> new GroupNorm(32, 1e-6, true);
          default -> new Attention(1);
        };
    long bytes;
    do {
      long before = inputs.used();
      sets.add(record());
      bytes = inputs.used() - before;
    } while (sets.size() < MOST_SETS && sets.size() * bytes < BEYOND_CACHE);
    stream.sync();
  }

  private Conv2d conv() {
    @SuppressWarnings("unchecked")
    List<Integer> pad = (List<Integer>) c.parameters().get("pad");
    return new Conv2d(c.integer("stride"), pad.get(0), pad.get(1), pad.get(2), pad.get(3));
  }

  private Tensor normal(DType dtype, long... shape) {
    Tensor drawn = arena.tensor(Shape.of(shape)); // numbers are drawn in fp32
    drawn.normal(stream, 1, inputs.used(), 0, 1);
    Tensor t = inputs.tensor(Shape.of(shape), dtype);
    drawn.copyTo(stream, t);
    arena.release(drawn);
    return t;
  }

  private Tensor[] draw() {
    int n = c.integer("batch");
    return switch (c.kind()) {
      case "conv2d", "upsample_conv2d" -> {
        int in = c.integer("in");
        int out = c.integer("out");
        int side = c.integer("side");
        int k = c.kind().equals("conv2d") ? c.integer("kernel") : 3;
        yield new Tensor[] {
          normal(activations, n, side, side, in),
          normal(DType.F32, out, in, k, k),
          normal(DType.F32, out)
        };
      }
      case "group_norm_silu" -> {
        int channels = c.integer("channels");
        int side = c.integer("side");
        yield new Tensor[] {
          normal(activations, n, side, side, channels),
          normal(DType.F32, channels),
          normal(DType.F32, channels)
        };
      }
      default -> {
        int tokens = c.integer("tokens");
        int channels = c.integer("channels");
        yield new Tensor[] {
          normal(activations, n, tokens, channels),
          normal(activations, n, tokens, channels),
          normal(activations, n, tokens, channels)
        };
      }
    };
  }

  private @Nullable Tensor packed(Tensor[] x) {
    boolean reads = x[0].dtype() == DType.BF16 && stream.device().info().readsPackedWeights();
    if (!(op instanceof Conv2d) || !reads) {
      return null;
    }
    Tensor w = x[1];
    PackedWeights packed =
        new PackedWeights(stream, inputs, List.of(new PackedWeights.Source(w.shape(), 0)));
    packed.write(stream, w.reshape(Shape.of(w.shape().elements())));
    return packed.copies().getFirst();
  }

  private Tensor apply(Tape tape, Tensor[] x, @Nullable Tensor packed) {
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
    return new Recorded(tape, x, packed, y, normal(y.dtype(), y.shape().extents()));
  }

  @Override
  void enqueue() {
    Recorded set = sets.get(next++ % sets.size());
    results(set).forEach(g -> g.arena().release(g));
  }

  private List<Tensor> wanted(Tensor[] x) {
    return switch (c.text("direction")) {
      case "INPUT_GRADIENT" -> List.of(x[0]);
      case "WEIGHT_GRADIENT" -> List.of(x[1], x[2]);
      default -> List.of(x);
    };
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

  /** Against the fp32 kernels, which are others, on the same numbers. */
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
    Tensor y = tape.apply(op, x);
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
