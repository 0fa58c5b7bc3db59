package io.github.eqvae.nn;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.IdentityHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Statistics of group norms over a whole image, measured part by part. Layers that run with them
 * normalise a part of the image with the statistics of the whole.
 *
 * <p>{@link #run} stops at the first norm that is not measured yet. After its input has been
 * {@linkplain #add added} for every part, and the norm is {@linkplain #complete complete}, the next
 * runs reach the norm after it.
 *
 * <p>For one image, without gradients.
 */
public final class SharedStatistics {
  static final ScopedValue<SharedStatistics> CURRENT = ScopedValue.newInstance();

  /** Sums over all parts so far, per group. */
  private static final class Sums {
    final double[] mean;
    final double[] square;
    double count;
    boolean complete;

    Sums(int groups) {
      mean = new double[groups];
      square = new double[groups];
    }
  }

  /** Leaves the layers; without a stack trace, because it is not a failure. */
  private static final class Unmeasured extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final transient Run run;

    Unmeasured(Run run) {
      super(null, null, false, false);
      this.run = run;
    }
  }

  /**
   * The result of a run.
   *
   * @param result the result of all layers, or the input of the norm
   * @param norm the first norm that is not measured yet; null if all are
   */
  public record Run(Tensor result, @Nullable GroupNorm norm) {}

  private final IdentityHashMap<GroupNorm, Sums> known = new IdentityHashMap<>();

  /** Nothing is measured yet. */
  public SharedStatistics() {}

  /**
   * Runs layers with the measured statistics, up to the first norm that is not measured.
   *
   * @param layers what to run; on this thread
   * @return how far they came
   */
  public Run run(Supplier<Tensor> layers) {
    try {
      return new Run(ScopedValue.where(CURRENT, this).call(layers::get), null);
    } catch (Unmeasured e) {
      return e.run;
    }
  }

  /**
   * Notes that all parts of a norm's input were added.
   *
   * @param layer the norm
   */
  public void complete(GroupNorm layer) {
    known.get(layer).complete = true;
  }

  /**
   * Adds a part of a norm's input.
   *
   * @param layer the norm
   * @param tape the tape
   * @param part {@code [1, h, w, C]}, may be a view; no pixel may come twice
   */
  public void add(GroupNorm layer, Tape tape, Tensor part) {
    TensorArena arena = tape.arena();
    int groups = layer.op().groups();
    Tensor dense = arena.tensor(part.shape(), part.dtype());
    part.copyTo(tape.stream(), dense);
    Tensor y = arena.tensor(part.shape(), part.dtype());
    Tensor stats = arena.tensor(Shape.of(1, groups, 2), layer.weight().value().dtype());
    tape.stream()
        .launch(Fn.GROUP_NORM_FWD, Struct.GROUP_NORM_PARAMS)
        .i32(groups)
        .f32(layer.op().eps())
        .flag(false)
        .flag(false)
        .run(dense, layer.weight().value(), layer.bias().value(), y, stats);
    double[] found = stats.toDoubles(tape.stream());
    arena.release(dense);
    arena.release(y);
    arena.release(stats);
    double n = (double) part.shape().elements() / groups;
    Sums sums = known.computeIfAbsent(layer, l -> new Sums(groups));
    for (int g = 0; g < groups; g++) {
      double mean = found[2 * g];
      double rstd = found[2 * g + 1];
      double variance = Math.max(0, 1 / (rstd * rstd) - layer.op().eps());
      sums.mean[g] += n * mean;
      sums.square[g] += n * (variance + mean * mean);
    }
    sums.count += n;
  }

  Tensor normalize(GroupNorm layer, Tape tape, Tensor x) {
    if (x.shape().dim(0) != 1) {
      throw new EqvaeException.Internal("statistics are shared by parts of one image, not by " + x);
    }
    Sums sums = known.get(layer);
    if (sums == null || !sums.complete) {
      throw new Unmeasured(new Run(x, layer));
    }
    int channels = x.shape().size(3);
    int width = channels / layer.op().groups();
    double[] gamma = layer.weight().value().toDoubles(tape.stream());
    double[] beta = layer.bias().value().toDoubles(tape.stream());
    double[] scale = new double[channels];
    double[] shift = new double[channels];
    for (int c = 0; c < channels; c++) {
      double mean = sums.mean[c / width] / sums.count;
      double variance = Math.max(0, sums.square[c / width] / sums.count - mean * mean);
      scale[c] = gamma[c] / Math.sqrt(variance + layer.op().eps());
      shift[c] = beta[c] - mean * scale[c];
    }
    TensorArena arena = tape.arena();
    Tensor a = arena.tensor(Shape.of(channels), layer.weight().value().dtype());
    Tensor b = arena.tensor(Shape.of(channels), layer.weight().value().dtype());
    a.set(tape.stream(), scale);
    b.set(tape.stream(), shift);
    Tensor y =
        layer.op().silu()
            ? tape.block((t, v) -> t.apply(new Silu(), t.apply(new ChannelAffine(), v, a, b)), x)
            : tape.apply(new ChannelAffine(), x, a, b);
    arena.release(a);
    arena.release(b);
    return y;
  }
}
