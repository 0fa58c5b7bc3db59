package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.op.BatchNorm;
import io.github.eqvae.op.Inference;
import io.github.eqvae.op.Inputs;
import io.github.eqvae.op.Keeps;
import io.github.eqvae.op.Op;
import io.github.eqvae.op.OpCall;
import io.github.eqvae.op.Spec;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.List;

/**
 * Batch normalisation in training with the statistics of the batches of all ranks together. Inputs
 * as {@link BatchNorm}. Every rank calls it, in the same order; batches may differ in all sizes but
 * the channels. Sums over ranks are made in double precision in the order of the ranks, so all
 * ranks have the same statistics, bit for bit. PyTorch: {@code nn.SyncBatchNorm}.
 *
 * <p>It is composed of calls of {@link BatchNorm}'s functions, with what the ranks exchange between
 * them, so it cannot be part of a graph.
 *
 * @param eps added to the variance
 * @param momentum weight of the new batch in the running statistics
 * @param ranks whose batches are one
 */
record SyncBatchNorm(double eps, double momentum, Communicator ranks) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Inference plain = new BatchNorm(eps, momentum, true).infer(in);
    Spec stats = plain.saved().getFirst();
    Spec each = in.get(0).full(Shape.of(in.shape(0, "x", 4).dim(3)));
    return Inference.of(plain.outputs().getFirst(), stats, each, each);
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  @Override
  public void forward(OpCall c) {
    Tensor mean = c.saved(1);
    Tensor variance = c.saved(2);
    mean.fill(c.stream(), 0);
    variance.fill(c.stream(), 0);
    // With a momentum of 1 the running statistics become those of this rank's batch.
    normalize(c, 1, true, c.in(1), c.in(2), mean, variance, c.out(0));
    Total total =
        Total.of(rows(c), mean.toDoubles(c.stream()), variance.toDoubles(c.stream()), ranks);
    track(c, total.mean, c.in(3));
    track(c, total.variance(total.rows - 1), c.in(4));
    mean.set(c.stream(), total.mean);
    variance.set(c.stream(), total.variance(total.rows));
    normalize(c, momentum, false, c.in(1), c.in(2), mean, variance, c.out(0));
  }

  private void normalize(
      OpCall c,
      double weight,
      boolean training,
      Tensor gamma,
      Tensor beta,
      Tensor mean,
      Tensor variance,
      Tensor y) {
    c.launch(Fn.BATCH_NORM_FWD, Struct.BATCH_NORM_PARAMS)
        .f32(eps)
        .f32(weight)
        .flag(training)
        .run(c.in(0), gamma, beta, mean, variance, y, c.saved(0));
  }

  /** In double precision, as {@link BatchNorm} does. */
  private void track(OpCall c, double[] batch, Tensor running) {
    double[] values = running.toDoubles(c.stream());
    double weight = (float) momentum;
    for (int i = 0; i < values.length; i++) {
      values[i] = (1 - weight) * values[i] + weight * batch[i];
    }
    running.set(c.stream(), values);
  }

  /**
   * With fixed statistics the gradient of x is {@code γ·rstd·dy}. What the statistics add to it is
   * {@code −γ·rstd·(Σdy + x̂·Σ(dy·x̂))/n}, with sums over all ranks: a batch norm of x with other
   * weights.
   */
  @Override
  public void backward(OpCall c) {
    Tensor x = c.in(0);
    Tensor gamma = c.in(1);
    Tensor dx = c.dIn(0);
    Tensor ofGamma = c.dIn(1);
    Tensor ofBeta = c.dIn(2);
    Tensor to = dx != null ? dx : c.temporary(x.shape(), x.dtype());
    Tensor dgamma = ofGamma != null ? ofGamma : c.temporary(gamma.shape(), gamma.dtype());
    Tensor dbeta = ofBeta != null ? ofBeta : c.temporary(gamma.shape(), gamma.dtype());
    c.launch(Fn.BATCH_NORM_BWD, Struct.BATCH_NORM_PARAMS)
        .f32(eps)
        .f32(momentum)
        .flag(false)
        .run(c.dOut(0), x, gamma, c.saved(0), to, dgamma, dbeta);
    double[] byHat = dgamma.toDoubles(c.stream());
    double[] constant = dbeta.toDoubles(c.stream());
    double rows = addAll(rows(c), byHat, constant);
    if (dx == null) {
      return; // the others may need this rank's sums
    }
    double[] weight = gamma.toDoubles(c.stream());
    double[] stats = c.saved(0).toDoubles(c.stream());
    for (int i = 0; i < weight.length; i++) {
      double factor = -weight[i] * stats[2 * i + 1] / rows;
      byHat[i] *= factor;
      constant[i] *= factor;
    }
    Tensor scale = c.temporary(gamma.shape(), gamma.dtype());
    Tensor shift = c.temporary(gamma.shape(), gamma.dtype());
    Tensor more = c.temporary(x.shape(), x.dtype());
    scale.set(c.stream(), byHat);
    shift.set(c.stream(), constant);
    normalize(c, momentum, false, scale, shift, c.saved(1), c.saved(2), more);
    c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(dx, more, dx);
  }

  private static double rows(OpCall c) {
    Shape x = c.in(0).shape();
    return (double) x.elements() / x.dim(3);
  }

  /** Replaces sums by those over all ranks; returns how many pixels they are of. */
  private double addAll(double rows, double[] a, double[] b) {
    double all = 0;
    double[] sumA = new double[a.length];
    double[] sumB = new double[b.length];
    for (DoubleBuffer of : gather(ranks, rows, a, b)) {
      all += of.get(0);
      for (int i = 0; i < a.length; i++) {
        sumA[i] += of.get(1 + i);
        sumB[i] += of.get(1 + a.length + i);
      }
    }
    System.arraycopy(sumA, 0, a, 0, a.length);
    System.arraycopy(sumB, 0, b, 0, b.length);
    return all;
  }

  private static List<DoubleBuffer> gather(
      Communicator ranks, double rows, double[] a, double[] b) {
    ByteBuffer mine = ByteBuffer.allocate((1 + a.length + b.length) * Double.BYTES);
    mine.asDoubleBuffer().put(rows).put(a).put(b);
    return ranks.allGather(mine.array()).stream()
        .map(bytes -> ByteBuffer.wrap(bytes).asDoubleBuffer())
        .toList();
  }

  /**
   * Mean and sum of squared deviations of several batches.
   *
   * @param rows pixels
   * @param mean of each channel
   * @param squares of the deviations from the mean
   */
  private record Total(double rows, double[] mean, double[] squares) {
    /** Joins the ranks' statistics; a variance is the unbiased one, as running statistics are. */
    static Total of(double rows, double[] mean, double[] variance, Communicator ranks) {
      int channels = mean.length;
      List<DoubleBuffer> all = gather(ranks, rows, mean, variance);
      Total total =
          new Total(
              all.stream().mapToDouble(r -> r.get(0)).sum(),
              new double[channels],
              new double[channels]);
      for (int i = 0; i < channels; i++) {
        for (DoubleBuffer of : all) {
          total.mean[i] += of.get(1 + i) * (of.get(0) / total.rows);
        }
        for (DoubleBuffer of : all) {
          double away = of.get(1 + i) - total.mean[i];
          double own = of.get(0) > 1 ? of.get(1 + channels + i) * (of.get(0) - 1) : 0;
          total.squares[i] += own + of.get(0) * away * away;
        }
      }
      return total;
    }

    double[] variance(double count) {
      double[] of = squares.clone();
      for (int i = 0; i < of.length; i++) {
        of[i] /= count;
      }
      return of;
    }
  }
}
