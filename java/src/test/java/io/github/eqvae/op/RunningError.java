package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.U16;
import static io.github.eqvae.op.ErrorBound.multiple;
import static io.github.eqvae.op.ErrorBound.sums;

import io.github.eqvae.tape.Recorded;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far rounding may move a scalar that many operations lead to (docs/numerics.md, section
 * "Objective"). Every result is off by at most the bound of its operation, which moves the scalar
 * by its derivative times that, to first order. Errors of different results are taken for
 * independent and zero on average, so that their sum exceeds λ·√(Σ of their squares) with a
 * probability of at most 2·exp(−λ²/2) (Hoeffding; Higham and Mary, SIAM J. Sci. Comput. 41(5),
 * 2019). What shares an error is added up before it is squared: the results that a norm's
 * statistics are common to, and all products with a rounded weight.
 */
public final class RunningError implements AutoCloseable {
  /** 2·exp(−λ²/2) = 3·10⁻⁸. */
  private static final double LAMBDA = 6;

  /** Something that is rounded, and what its errors add to a scalar's, squared. */
  interface Rounded {
    Tensor values();

    /** For the derivative of the scalar by each of the values. */
    double squares(double[] slope);
  }

  /** Values whose errors are independent of each other. */
  private record Independent(Tensor values, double[] bounds) implements Rounded {
    @Override
    public double squares(double[] slope) {
      double sum = 0;
      for (int i = 0; i < slope.length; i++) {
        sum += slope[i] * bounds[i] * slope[i] * bounds[i];
      }
      return sum;
    }
  }

  private final OpRunner ref = new OpRunner("ref");

  /** Opens the reference. */
  public RunningError() {}

  /**
   * The bound for each scalar.
   *
   * @param tape what led to them, computed on {@code ref} in double precision; all that is rounded
   *     must have been recorded, so its leaves must be watched
   * @param scalars results of the tape with one element
   * @param bf16 whether activations are stored in bf16
   * @return a bound of the absolute error, per scalar
   */
  public double[] of(Tape tape, List<Tensor> scalars, boolean bf16) {
    List<Rounded> rounded = new ArrayList<>();
    Set<Tensor> weights = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Recorded.Call call : Recorded.of(tape)) {
      if (call.op() instanceof ViewOp) {
        continue;
      }
      Tensor y = call.outputs().getFirst();
      Operands in = operands(tape, call);
      rounded.add(new Independent(y, bound(in, bf16)));
      if (call.op() instanceof GroupNorm || call.op() instanceof BatchNorm) {
        rounded.add(GivenStatistics.of(call.op(), y, in.sample().inputs()));
      }
      if (bf16 && isProduct(call.op())) {
        Tensor w = Objects.requireNonNull(call.inputs().get(1));
        if (weights.add(w)) {
          double[] exact = w.toDoubles(tape.stream());
          rounded.add(
              new Independent(w, Arrays.stream(exact).map(v -> U16 * Math.abs(v)).toArray()));
        }
      }
    }
    List<Tensor> wanted = rounded.stream().map(Rounded::values).toList();
    double[] out = new double[scalars.size()];
    for (int s = 0; s < out.length; s++) {
      Tensor scalar = scalars.get(s);
      Map<Tensor, Tensor> gradients = tape.gradients(List.of(tape.seed(scalar, 1)), wanted);
      double squares = 0;
      for (Rounded r : rounded) {
        double[] slope =
            r.values() == scalar // asked for itself
                ? new double[] {1}
                : gradients.get(r.values()).toDoubles(tape.stream());
        squares += r.squares(slope);
      }
      out[s] = LAMBDA * Math.sqrt(squares);
    }
    return out;
  }

  /** What an operation was given and gave, as a case of it. */
  private record Operands(OpCase c, OpCase.Sample sample, OpRunner.Result exact) {}

  private static Operands operands(Tape tape, Recorded.Call call) {
    List<In> ins = new ArrayList<>();
    List<double[]> values = new ArrayList<>();
    for (@Nullable Tensor t : call.inputs()) {
      if (t != null) {
        ins.add(In.constant(t.shape().extents()));
        values.add(t.toDoubles(tape.stream()));
      }
    }
    double[] y = call.outputs().getFirst().toDoubles(tape.stream());
    OpCase c = new OpCase(call.op().name(), call.op(), ins, in -> in[0], local(call.op(), ins));
    double[][] zeros = values.stream().map(v -> new double[v.length]).toArray(double[][]::new);
    return new Operands(
        c,
        new OpCase.Sample(values.toArray(double[][]::new), new double[y.length]),
        new OpRunner.Result(y, zeros, new double[0][]));
  }

  /** Elementwise, for the first output. */
  private double[] bound(Operands in, boolean bf16) {
    Op op = in.c().op();
    double[] y = in.exact().y();
    double[] bound = in.c().bound().of(in.c(), in.sample(), in.exact(), ref).y();
    if (bf16 && OpCases.takesBf16(op) && !(op instanceof LpipsHead)) {
      for (int i = 0; i < bound.length; i++) {
        bound[i] += U16 * (Math.abs(y[i]) + bound[i]);
      }
    }
    return bound;
  }

  private static boolean isProduct(Op op) {
    return op instanceof Conv2d || op instanceof UpsampleConv2d || op instanceof Linear;
  }

  /** The bounds of docs/numerics.md, section "Ops", by operation. */
  private static ErrorBound local(Op op, List<In> in) {
    Shape x = in.getFirst().shape();
    long n = x.elements();
    return switch (op) {
      case Conv2d conv -> ending(conv, products(in, 1, in.size() < 4 ? 2 : 3));
      case UpsampleConv2d conv -> products(in, 4.0 / 9, 5);
      case Linear linear -> products(in, 1, 2);
      case GroupNorm norm -> GivenStatistics.ownRounding();
      case BatchNorm norm -> GivenStatistics.ownRounding();
      case Attention attention -> ErrorBounds.attention(attention.heads());
      case Silu silu -> ErrorBounds.silu();
      case LeakyRelu relu -> multiple(1, 1);
      case Add add -> multiple(1, 1);
      case Scale scale -> multiple(1, 1);
      case WeightedSum weighted ->
          (c, s, exact, ref) -> {
            double[] weights = weighted.weights().stream().mapToDouble(Math::abs).toArray();
            OpCase positive =
                new OpCase(c.name(), WeightedSum.of(weights), in, c.oracle(), c.bound());
            return sums(2L * weights.length, new long[in.size()]).of(positive, s, exact, ref);
          };
      case ChannelAffine affine -> sums(2, 1, 0, 0);
      case Dropout dropout -> multiple(2, 2);
      case Arithmetic a -> multiple(a.kind() == Arithmetic.Kind.LOGARITHM ? 2 : 1, 3);
      case Sum sum -> ErrorBounds.total(sum.scale(), n);
      case Resample resample when resample.interpolation() == Interpolation.BILINEAR ->
          // No weight is negative.
          sums(x.dim(1) + x.dim(2) + resample.height() + resample.width() + 4, 0);
      case Resample resample -> ErrorBounds.resample();
      case GaussianSample sample -> ErrorBounds.gaussianSample();
      case GaussianKl kl -> ErrorBounds.gaussianKl();
      case PixelLoss loss ->
          ErrorBounds.loss(loss.scale(), loss.kind() == PixelLoss.Kind.L2 ? 2 : 1);
      case GanLoss loss -> ErrorBounds.loss(loss.scale(), 1);
      case LpipsHead head -> ErrorBounds.lpipsHead();
      case Upsample2x upsample -> ErrorBound.EXACT;
      case Relu relu -> ErrorBound.EXACT;
      case MaxPool2x2 pool -> ErrorBound.EXACT;
      case Concat concat -> ErrorBound.EXACT;
      case Cast cast -> ErrorBound.EXACT;
      case VectorQuantize quantize -> ErrorBound.EXACT; // unless two codes are equally near
      default -> throw new IllegalArgumentException("no bound is known for " + op);
    };
  }

  /** Sums of products of x and a weight of {@code [out, in, …]}, each over all but out. */
  private static ErrorBound products(List<In> in, double share, int more) {
    Shape w = in.get(1).shape();
    long terms = Math.round(share * w.elements() / w.dim(0));
    return sums(terms + more, new long[in.size()]);
  }

  /**
   * What an activation makes of the bound of a sum, and rounds itself. The derivative of SiLU is
   * 1.0998… at most, that of the others 1.
   */
  private static ErrorBound ending(Conv2d op, ErrorBound sum) {
    if (op.activation().slope() > 1) {
      throw new IllegalArgumentException("no bound is known for " + op);
    }
    boolean silu = op.activation().kind() == Activation.Kind.SILU;
    Conv2d plain = new Conv2d(op.stride(), op.top(), op.bottom(), op.left(), op.right());
    return (c, s, exact, ref) -> {
      OpCase before = new OpCase(c.name(), plain, c.inputs(), c.oracle(), c.bound());
      double[] bound = sum.of(before, s, exact, ref).y();
      double own =
          switch (op.activation().kind()) {
            case IDENTITY, RELU -> 0;
            case LEAKY_RELU -> ErrorBound.gamma(1);
            case SILU -> ErrorBound.gamma(8);
            case GELU_TANH, GELU -> throw new IllegalArgumentException("no convolution's");
          };
      for (int i = 0; i < bound.length; i++) {
        bound[i] = (silu ? 1.1 : 1) * bound[i] * (1 + own) + own * Math.abs(exact.y()[i]);
      }
      return new ErrorBound.Bounds(bound, new double[0][]);
    };
  }

  @Override
  public void close() {
    ref.close();
  }
}
