package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Adam or AdamW over all parameters of a store at once: one pass for each range of neighbours with
 * the same weight decay. The same pass updates their moving average, and the convolutions' packed
 * weights if the store {@linkplain ParameterStore#keepPacked keeps} them. PyTorch: {@code
 * torch.optim.Adam}, {@code AdamW}, {@code clip_grad_norm_}.
 *
 * <p>Everything that changes from update to update is read on the device: a {@link #schedule} of
 * four numbers, the norm for clipping, and whether to skip. So a captured update can be run again,
 * and the host need not wait to decide.
 */
public final class AdamOptimizer {
  /** Numbers in a schedule. */
  public static final int SCHEDULE = 4;

  private final ParameterStore store;
  private final AdamSettings settings;
  private final ToDoubleFunction<Parameter> weightDecay;
  private final List<Run> runs = new ArrayList<>();
  private @Nullable List<Range> moving;
  private final Tensor firstMoment;
  private final Tensor secondMoment;
  private @Nullable Tensor ownSchedule;
  private long steps;

  /**
   * An optimiser with zero moments, and one weight decay for all.
   *
   * @param store what it updates; owns the moments' memory
   * @param stream orders the work
   * @param settings decays
   */
  public AdamOptimizer(ParameterStore store, Stream stream, AdamSettings settings) {
    this(store, stream, settings, p -> settings.weightDecay());
  }

  /**
   * An optimiser with zero moments. PyTorch: parameter groups that differ in {@code weight_decay}.
   *
   * @param store what it updates; owns the moments' memory
   * @param stream orders the work
   * @param settings decays; its weight decay is not used
   * @param weightDecay the weight decay of each parameter, for example none for biases
   */
  public AdamOptimizer(
      ParameterStore store,
      Stream stream,
      AdamSettings settings,
      ToDoubleFunction<Parameter> weightDecay) {
    this.store = store;
    this.settings = settings;
    firstMoment = store.like(stream);
    secondMoment = store.like(stream);
    this.weightDecay = weightDecay;
  }

  /** The values that an update changes, for the present store and weight decays. */
  private List<Run> runs() {
    if (moving != store.moving()) {
      moving = store.moving();
      runs.clear();
      long at = 0;
      for (Parameter p : store.learned()) {
        long length = ParameterStore.aligned(p.shape());
        if (!p.isFrozen()) {
          add(new Run(at, length, weightDecay.applyAsDouble(p)));
        }
        at += length;
      }
    }
    return runs;
  }

  private void add(Run run) {
    Run before = runs.isEmpty() ? null : runs.getLast();
    if (before != null
        && before.first() + before.length() == run.first()
        && before.weightDecay() == run.weightDecay()) {
      runs.removeLast();
      runs.add(new Run(before.first(), before.length() + run.length(), run.weightDecay()));
    } else {
      runs.add(run);
    }
  }

  /** Neighbours in the flat tensors with the same weight decay. */
  private record Run(long first, long length, double weightDecay) {
    /** Its part of a flat tensor; the tensor itself if the part is all of it. */
    Tensor of(Tensor flat, boolean whole) {
      return whole ? flat : flat.narrow(0, first, length);
    }
  }

  /**
   * The numbers of the next update, for a tensor {@code [4]} of F64: the learning rate, both bias
   * corrections, the average's decay.
   *
   * @param learningRate used as it is
   * @param emaDecay in [0, 1], used if there is an average
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
   * One update from the store's gradients. It counts only after {@link #count}.
   *
   * @param stream orders the work
   * @param schedule {@code [4]}, F64: what {@link #schedule} gave
   * @param gradientScale the gradients are multiplied by this first
   * @param clip largest norm of the scaled gradients; infinity for any
   * @param squares the gradients' sum of squares ({@link GradientNorm#squares}); may be null when
   *     nothing is clipped
   * @param skip the update does nothing unless this is 0; null to update always
   * @param ema the average to update; null for none
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
    List<Run> parts = runs();
    boolean whole = parts.getFirst().length() == store.values().shape().elements();
    PackedWeights packed =
        whole ? store.packed() : null; // its positions are those of the whole store
    for (Run run : parts) {
      stream
          .launch(Fn.ADAM, Struct.ADAM_PARAMS)
          .flag(settings.decoupled())
          .f64(settings.beta1())
          .f64(settings.beta2())
          .f64(settings.eps())
          .f64(run.weightDecay())
          .f64(gradientScale)
          .f64(clip)
          .run(
              schedule,
              squares,
              skip,
              run.of(store.values(), whole),
              run.of(gradients, whole),
              run.of(firstMoment, whole),
              run.of(secondMoment, whole),
              ema == null ? null : run.of(ema.average(), whole),
              packed == null ? null : packed.layout(),
              packed == null ? null : packed.all());
    }
    if (!whole) {
      store.repack(stream);
    }
  }

  /** Counts an update: the next schedule is for the one after it. */
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
   * @param ema the average to update; null for none
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
