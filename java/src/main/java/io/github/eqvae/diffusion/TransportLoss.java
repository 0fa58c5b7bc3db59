package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * SiT's objective (arXiv 2401.08740, equations 2, 5 and 7; willisma/SiT, {@code
 * transport.training_losses}): the weighted mean squared error of velocity, score or noise along an
 * {@link Interpolant}. LightningDiT adds 1 − cos between prediction and target, over the channels
 * of each position, and draws times from a logit-normal distribution (Esser et al. 2024).
 *
 * <p>A row has α and σ, the factors of data and noise in x[t]; their factors in the target; the
 * weight of the squared error. A network with learn_sigma returns twice as many channels; the
 * second half is ignored, as in SiT.
 *
 * @param transport path and prediction
 * @param times how times are drawn
 * @param cosine the weight of 1 − cos; 0 as published for SiT, 1 for LightningDiT
 */
public record TransportLoss(Transport transport, Times times, double cosine)
    implements DenoisingLoss {
  /** How times are drawn. */
  public enum Times {
    /** Uniformly: published SiT. */
    UNIFORM,
    /** The logistic function of a standard normal number: published LightningDiT. */
    LOGISTIC_NORMAL
  }

  private static final int TARGET = 2;
  private static final int WEIGHT = 4;

  /** Added to the mean of squares: PyTorch's cosine similarity divides by at least 10⁻⁸. */
  private static final double EPS = 1e-16;

  /**
   * Checks the weight.
   *
   * @throws EqvaeException.Argument when it is negative
   */
  public TransportLoss {
    if (!(cosine >= 0)) {
      throw new EqvaeException.Argument(
          "TransportLoss: the weight of the cosine is " + cosine + ", expected at least 0");
    }
  }

  /**
   * SiT as published.
   *
   * @return the loss
   */
  public static TransportLoss published() {
    Transport transport =
        new Transport(Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE);
    return new TransportLoss(transport, Times.UNIFORM, 0);
  }

  @Override
  public double time(double uniform, double normal) {
    Transport.Interval interval = transport.training();
    double u = times == Times.UNIFORM ? uniform : 1 / (1 + Math.exp(-normal));
    return interval.from() + u * (interval.to() - interval.from());
  }

  @Override
  public double place(double time) {
    return time;
  }

  @Override
  public int columns() {
    return WEIGHT + 1;
  }

  @Override
  public double[] row(double time) {
    return new double[] {
      transport.path().alpha(time),
      transport.path().sigma(time),
      transport.target(1, 0, time),
      transport.target(0, 1, time),
      transport.lossWeight(time)
    };
  }

  @Override
  public List<Term> terms(Tape tape, Tensor output, Corrupted of) {
    int last = of.data().shape().rank() - 1;
    long channels = of.data().shape().dim(last);
    Tensor answer =
        output.shape().dim(last) == 2 * channels
            ? tape.apply(new Narrow(last, 0, channels), output)
            : output;
    Tensor target = DenoisingLoss.mixed(tape, of.data(), of.noise(), of.rows(), TARGET);
    Tensor weight = tape.apply(new Narrow(1, WEIGHT, 1), of.rows());
    weight = tape.apply(new Reshape(Shape.of(weight.shape().dim(0))), weight);
    List<Term> terms = new ArrayList<>();
    terms.add(new Term("mse", tape.apply(new SampleError(), answer, target, weight), 1));
    if (cosine > 0) {
      terms.add(new Term("cosine", angle(tape, answer, target), cosine));
    }
    return terms;
  }

  /**
   * 1 − cos over channels, averaged over positions. The squared distance of two vectors of length
   * √C is 2C·(1 − cos).
   */
  private static Tensor angle(Tape tape, Tensor a, Tensor b) {
    LayerNorm unit = new LayerNorm(EPS, true);
    Tensor half = tape.arena().tensor(Shape.of(a.shape().dim(0)));
    half.fill(tape.stream(), 0.5);
    return tape.apply(new SampleError(), tape.apply(unit, a), tape.apply(unit, b), half);
  }
}
