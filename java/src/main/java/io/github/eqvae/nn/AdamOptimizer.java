package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Adam or AdamW over all parameters of a store at once, with their moving average in the same pass,
 * and with the convolutions' packed weights if the store {@linkplain ParameterStore#keepPacked
 * keeps} them. PyTorch: {@code torch.optim.Adam}, {@code AdamW}, {@code clip_grad_norm_}.
 *
 * <p>What changes from update to update is read on the device: a {@link #schedule} of four numbers,
 * the norm that clipping needs, and whether to skip. So a captured update can be run again, and the
 * host need not wait to decide.
 */
public final class AdamOptimizer {
  /** Numbers in a schedule. */
  public static final int SCHEDULE = 4;

  private final ParameterStore store;
  private final AdamSettings settings;
  private final Tensor firstMoment;
  private final Tensor secondMoment;
  private @Nullable Tensor ownSchedule;
  private long steps;

  /**
   * An optimiser with zero moments.
   *
   * @param store what it updates; owns the moments' memory
   * @param stream orders the work
   * @param settings decays
   */
  public AdamOptimizer(ParameterStore store, Stream stream, AdamSettings settings) {
    this.store = store;
    this.settings = settings;
    firstMoment = store.like(stream);
    secondMoment = store.like(stream);
  }

  /**
   * What the next update needs to know, for a tensor {@code [4]} of F64: the learning rate, both
   * bias corrections, the average's decay.
   *
   * @param learningRate used as it is
   * @param emaDecay in [0, 1], used where there is an average
   * @return {@link #SCHEDULE} numbers
   */
  public double[] schedule(double learningRate, double emaDecay) {
    long step = steps + 1;
    // StrictMath: the same bits wherever and whenever it runs.
    return new double[] {
      learningRate,
      1 - StrictMath.pow(settings.beta1(), step),
      1 - StrictMath.pow(settings.beta2(), step),
      emaDecay
    };
  }

  /**
   * One update from the store's gradients. It is not counted before {@link #count}.
   *
   * @param stream orders the work
   * @param schedule {@code [4]}, F64: what {@link #schedule} gave
   * @param gradientScale the gradients are multiplied by this first
   * @param clip largest norm of the scaled gradients; infinity for any
   * @param squares the gradients' sum of squares ({@link GradientNorm#squares}); may be null when
   *     nothing is clipped
   * @param skip unless it is 0 nothing changes; null for never
   * @param ema the average that moves, too; null for none
   */
  public void update(
      Stream stream,
      Tensor schedule,
      double gradientScale,
      double clip,
      @Nullable Tensor squares,
      @Nullable Tensor skip,
      @Nullable Ema ema) {
    Tensor gradients = store.gradients(stream);
    PackedWeights packed = store.packed();
    stream
        .launch(Fn.ADAM, Struct.ADAM_PARAMS)
        .flag(settings.decoupled())
        .f64(settings.beta1())
        .f64(settings.beta2())
        .f64(settings.eps())
        .f64(settings.weightDecay())
        .f64(gradientScale)
        .f64(clip)
        .run(
            schedule,
            squares,
            skip,
            store.values(),
            gradients,
            firstMoment,
            secondMoment,
            ema == null ? null : ema.average(),
            packed == null ? null : packed.layout(),
            packed == null ? null : packed.all());
  }

  /** Counts an update that was made: the next schedule is for the one after it. */
  public void count() {
    steps++;
  }

  /**
   * One update from the store's gradients, written to the device and counted.
   *
   * @param stream orders the work; waited for
   * @param learningRate used as it is
   * @param gradientScale the gradients are multiplied by this first
   */
  public void step(Stream stream, double learningRate, double gradientScale) {
    step(stream, learningRate, gradientScale, null, 0);
  }

  /**
   * One update with its moving average.
   *
   * @param stream orders the work; waited for
   * @param learningRate used as it is
   * @param gradientScale the gradients are multiplied by this first
   * @param ema the average that moves, too; null for none
   * @param emaDecay in [0, 1]; 0.9999 is the usual value
   */
  public void step(
      Stream stream,
      double learningRate,
      double gradientScale,
      @Nullable Ema ema,
      double emaDecay) {
    if (ownSchedule == null) {
      ownSchedule = store.arena().tensor(Shape.of(SCHEDULE), DType.F64);
    }
    ownSchedule.set(stream, schedule(learningRate, emaDecay));
    update(stream, ownSchedule, gradientScale, Double.POSITIVE_INFINITY, null, null, ema);
    count();
  }

  /**
   * Updates so far.
   *
   * @return the count that the bias corrections use
   */
  public long steps() {
    return steps;
  }

  /**
   * Restores the count of updates.
   *
   * @param value the saved count
   */
  public void setSteps(long value) {
    steps = value;
  }

  /**
   * The running mean of the gradient.
   *
   * @return the memory itself, laid out like the store's values
   */
  public Tensor firstMoment() {
    return firstMoment;
  }

  /**
   * The running mean of the squared gradient.
   *
   * @return the memory itself, laid out like the store's values
   */
  public Tensor secondMoment() {
    return secondMoment;
  }
}
