package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.GaussianVlb;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * DiT's objective (facebookresearch/DiT, {@code GaussianDiffusion.training_losses}): the mean
 * squared error of the prediction (Ho et al. 2020, equation 14) and, if variances are learned, the
 * variational bound with the predicted mean detached (Nichol and Dhariwal, arXiv 2102.09672,
 * equation 16); or only the bound.
 *
 * <p>A row has √ᾱ and √(1−ᾱ), the factors of data and noise in x[t]; their factors in the target;
 * the columns of {@link GaussianVlb}.
 *
 * @param diffusion the process
 * @param kind the kind of loss
 * @param decoder the precision of the bound's first step
 */
public record DiffusionLoss(GaussianDiffusion diffusion, Kind kind, DecoderPrecision decoder)
    implements DenoisingLoss {
  /** Kinds of loss, under the names of the reference's {@code LossType}. */
  public enum Kind {
    /** Squared error, and the bound if variances are learned: published DiT. */
    MSE,
    /** The same, with the bound multiplied by steps/1000. */
    RESCALED_MSE,
    /** Only the bound. */
    KL,
    /** The bound times the number of steps: an estimate of the whole bound. */
    RESCALED_KL
  }

  /**
   * The precision of the bound's first step, the negative log-likelihood of the data. Nearly equal
   * numbers cancel there.
   */
  public enum DecoderPrecision {
    /** As published: off by up to 10⁻², the gradient by up to 10 %. */
    FP32,
    /** Right to single precision. */
    FP64
  }

  private static final int TARGET = 2;
  private static final int STEP = 4;

  /** The number of steps at which {@code rescale_learned_sigmas} changes nothing. */
  private static final double RESCALED_TO = 1000;

  /**
   * A loss whose first step is computed as published.
   *
   * @param diffusion the process
   * @param kind the kind of loss
   */
  public DiffusionLoss(GaussianDiffusion diffusion, Kind kind) {
    this(diffusion, kind, DecoderPrecision.FP32);
  }

  /**
   * DiT as published.
   *
   * @return the loss
   */
  public static DiffusionLoss published() {
    return new DiffusionLoss(GaussianDiffusion.published(), Kind.MSE);
  }

  private boolean learned() {
    return diffusion.variance().isLearned();
  }

  private boolean squared() {
    return kind == Kind.MSE || kind == Kind.RESCALED_MSE;
  }

  /** A step of the process, drawn uniformly. */
  @Override
  public double time(double uniform, double normal) {
    int steps = diffusion.schedule().steps();
    return diffusion.schedule().originalStep((int) Math.min(steps - 1, uniform * steps));
  }

  @Override
  public double place(double time) {
    return time / diffusion.schedule().steps();
  }

  @Override
  public int columns() {
    return STEP + GaussianVlb.COLUMNS;
  }

  @Override
  public double[] row(double time) {
    int t = (int) time;
    NoiseSchedule s = diffusion.schedule();
    double alpha = s.alphaCumulative(t);
    double posterior = s.posteriorLogVariance(t);
    return new double[] {
      Math.sqrt(alpha),
      Math.sqrt(1 - alpha),
      diffusion.target(1, 0, t),
      diffusion.target(0, 1, t),
      diffusion.start(1, 0, t),
      diffusion.start(0, 1, t),
      s.posteriorMeanOfStart(t),
      s.posteriorMeanOfCurrent(t),
      posterior,
      diffusion.logVariance(-1, t),
      diffusion.logVariance(1, t),
      t == 0 ? firstStep() : 0
    };
  }

  private double firstStep() {
    return decoder == DecoderPrecision.FP64
        ? GaussianVlb.FIRST_STEP_IN_DOUBLE
        : GaussianVlb.FIRST_STEP;
  }

  @Override
  public List<Term> terms(Tape tape, Tensor output, Corrupted of) {
    int last = of.data().shape().rank() - 1;
    long channels = of.data().shape().dim(last);
    int outputs = diffusion.outputsPerChannel();
    if (output.shape().dim(last) != outputs * channels) {
      throw new EqvaeException.Argument(
          String.format(
              "DiffusionLoss: the network returns %d channels for latents of %d, expected %d with"
                  + " variance %s",
              output.shape().dim(last), channels, outputs * channels, diffusion.variance()));
    }
    Tensor mean = learned() ? tape.apply(new Narrow(last, 0, channels), output) : output;
    Tensor variance = learned() ? tape.apply(new Narrow(last, channels, channels), output) : null;
    List<Term> terms = new ArrayList<>();
    if (!squared()) {
      double weight = kind == Kind.RESCALED_KL ? diffusion.schedule().steps() : 1;
      terms.add(new Term("vb", bound(tape, mean, variance, of), weight));
      return terms;
    }
    Tensor target =
        switch (diffusion.prediction()) {
          case EPSILON -> of.noise();
          case START -> of.data();
          case VELOCITY -> DenoisingLoss.mixed(tape, of.data(), of.noise(), of.rows(), TARGET);
        };
    terms.add(new Term("mse", tape.apply(new SampleError(), mean, target), 1));
    if (variance != null) {
      double weight = kind == Kind.RESCALED_MSE ? diffusion.schedule().steps() / RESCALED_TO : 1;
      terms.add(new Term("vb", bound(tape, tape.detach(mean), variance, of), weight));
    }
    return terms;
  }

  private static Tensor bound(Tape tape, Tensor mean, @Nullable Tensor variance, Corrupted of) {
    Tensor step = tape.apply(new Narrow(1, STEP, GaussianVlb.COLUMNS), of.rows());
    return tape.apply(new GaussianVlb(), mean, variance, of.data(), of.noisy(), step);
  }
}
