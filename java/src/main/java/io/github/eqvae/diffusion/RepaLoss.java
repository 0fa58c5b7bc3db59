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
 * REPA's objective (arXiv 2410.06940; sihyun-yu/REPA {@code loss.py}): the velocity, with time from
 * data (0) to noise (1), opposite to SiT's, and the alignment of the network's hidden tokens with a
 * foundation model's features of the clean picture ({@link #alignment}).
 *
 * <p>A row has α and σ, the factors of data and noise in x[t], and their factors in the velocity.
 *
 * @param path {@link Interpolant#LINEAR} as published, or {@link Interpolant#GVP}, REPA's cosine
 * @param times how times are drawn
 */
public record RepaLoss(Interpolant path, Times times) implements DenoisingLoss {
  /** How times are drawn. */
  public enum Times {
    /** Uniformly, as published. */
    UNIFORM,
    /** The ratio of noise to data is the exponential of a standard normal number (EDM). */
    LOGNORMAL
  }

  /** Added to the mean of squares; PyTorch's normalize divides by at least 10⁻¹². */
  private static final double EPS = 1e-24;

  private static final int TARGET = 2;
  private static final int COLUMNS = 4;

  /**
   * Checks the path.
   *
   * @throws EqvaeException.Argument when REPA has no such path
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
    double t = 1 - time; // time of the interpolants
    return new double[] {path.alpha(t), path.sigma(t), -path.alphaRate(t), -path.sigmaRate(t)};
  }

  @Override
  public List<Term> terms(Tape tape, Tensor output, Corrupted of) {
    int last = of.data().shape().rank() - 1;
    long channels = of.data().shape().dim(last);
    Tensor answer =
        output.shape().dim(last) == channels
            ? output
            : tape.apply(new Narrow(last, 0, channels), output);
    Tensor target = DenoisingLoss.mixed(tape, of.data(), of.noise(), of.rows(), TARGET);
    return List.of(new Term("mse", tape.apply(new SampleError(), answer, target, null), 1));
  }

  /**
   * The alignment of a network's projected tokens with the features of a foundation model.
   *
   * @param value a scalar: −cos, averaged over tokens and samples
   * @param weight its weight in the loss
   */
  public record Projection(Tensor value, double weight) {}

  /**
   * The alignment loss.
   *
   * @param tape the tape
   * @param output projected tokens, {@code [N, T, width]} for each foundation model
   * @param features the models' features of the clean pictures, in the same shapes
   * @param weight the weight of all of them together, relative to the mean squared error: {@code
   *     proj_coeff}, 0.5 as published
   * @return a term of the loss for each model
   * @throws EqvaeException.Argument if the two lists have different sizes
   */
  public static List<Projection> alignment(
      Tape tape, List<Tensor> output, List<Tensor> features, double weight) {
    if (output.size() != features.size()) {
      throw new EqvaeException.Argument(
          "REPA: %d projectors, but features of %d models"
              .formatted(output.size(), features.size()));
    }
    LayerNorm unit = new LayerNorm(EPS, true); // normalises to length √width
    List<Projection> parts = new ArrayList<>();
    for (int i = 0; i < output.size(); i++) {
      Tensor a = tape.apply(unit, output.get(i));
      Tensor b = tape.apply(unit, features.get(i));
      // not from the distance |a − b|²: in single precision 1 − cos loses a cosine near 0
      Tensor products = tape.apply(Arithmetic.PRODUCT, a, b);
      Tensor value = tape.apply(new Sum(-1.0 / products.shape().elements()), products);
      parts.add(new Projection(value, weight / output.size()));
    }
    return parts;
  }
}
