package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Arithmetic;
import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What SiT with REPA is taught (arXiv 2410.06940; sihyun-yu/REPA {@code loss.py}): the velocity on
 * a clock that runs from data (0) to noise (1), against SiT's own, and that its tokens on the way
 * show the features that a foundation model sees in the clean picture ({@link #alignment}).
 *
 * <p>A row has: α and σ, what data and noise count in x[t]; what they count in the velocity.
 *
 * @param path {@link Interpolant#LINEAR} as published, or {@link Interpolant#GVP}, REPA's cosine
 * @param times how times are drawn
 */
public record RepaLoss(Interpolant path, Times times) implements DenoisingLoss {
  /** How times are drawn. */
  public enum Times {
    /** Evenly, as published. */
    UNIFORM,
    /** The noise's share is the exponential of a standard normal number (EDM). */
    LOGNORMAL
  }

  /** Beside the mean of squares; PyTorch's normalize divides by 10⁻¹² at least. */
  private static final double EPS = 1e-24;

  private static final int TARGET = 2;
  private static final int COLUMNS = 4;

  /**
   * Checks the path.
   *
   * @throws EqvaeException.Argument when REPA has none like it
   */
  public RepaLoss {
    if (path == Interpolant.VP) {
      throw new EqvaeException.Argument("REPA: the path is linear or gvp, not vp");
    }
  }

  @Override
  public double time(double uniform, double normal) {
    if (times == Times.UNIFORM) {
      return uniform;
    }
    double sigma = Math.exp(normal);
    return path == Interpolant.LINEAR ? sigma / (1 + sigma) : 2 / Math.PI * Math.atan(sigma);
  }

  @Override
  public double place(double time) {
    return time;
  }

  @Override
  public int columns() {
    return COLUMNS;
  }

  @Override
  public double[] row(double time) {
    double t = 1 - time; // the interpolants' clock
    return new double[] {path.alpha(t), path.sigma(t), -path.alphaRate(t), -path.sigmaRate(t)};
  }

  @Override
  public List<Term> terms(Tape tape, Tensor said, Corrupted of) {
    int last = of.data().shape().rank() - 1;
    long channels = of.data().shape().dim(last);
    Tensor answer =
        said.shape().dim(last) == channels ? said : tape.apply(new Narrow(last, 0, channels), said);
    Tensor target = DenoisingLoss.mixed(tape, of.data(), of.noise(), of.rows(), TARGET);
    return List.of(new Term("mse", tape.apply(new SampleError(), answer, target, null), 1));
  }

  /**
   * How well the features that a network says are aligned with those of a foundation model.
   *
   * @param value a scalar: −cos, the mean over tokens and samples
   * @param weight what it counts
   */
  public record Projection(Tensor value, double weight) {}

  /**
   * The loss that aligns features.
   *
   * @param tape the tape
   * @param said {@code [N, T, width]} of each foundation model
   * @param features what it sees in the clean pictures, in the same shapes
   * @param weight what all of them count beside the mean of the squared error: {@code proj_coeff},
   *     0.5 as published
   * @return a part of the loss for each
   * @throws EqvaeException.Argument if the numbers of both differ
   */
  public static List<Projection> alignment(
      Tape tape, List<Tensor> said, List<Tensor> features, double weight) {
    if (said.size() != features.size()) {
      throw new EqvaeException.Argument(
          "REPA: %d projectors and features of %d models".formatted(said.size(), features.size()));
    }
    LayerNorm unit = new LayerNorm(EPS, true); // of length √width
    List<Projection> parts = new ArrayList<>();
    for (int i = 0; i < said.size(); i++) {
      Tensor a = tape.apply(unit, said.get(i));
      Tensor b = tape.apply(unit, features.get(i));
      // Not by the distance of the two: 1 − cos in single precision loses a cosine near 0.
      Tensor products = tape.apply(Arithmetic.PRODUCT, a, b);
      Tensor value = tape.apply(new Sum(-1.0 / products.shape().elements()), products);
      parts.add(new Projection(value, weight / said.size()));
    }
    return parts;
  }
}
