package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/**
 * Adam or AdamW over all parameters of a store at once. PyTorch: {@code torch.optim.Adam}, {@code
 * AdamW}.
 */
public final class AdamOptimizer {
  private final ParameterStore store;
  private final double beta1;
  private final double beta2;
  private final double eps;
  private final double weightDecay;
  private final boolean decoupled;
  private final Tensor firstMoment;
  private final Tensor secondMoment;
  private long steps;

  /**
   * An optimiser with zero moments.
   *
   * @param store what it updates; owns the moments' memory
   * @param stream orders the work
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param eps added to the root of the second moment
   * @param weightDecay added to the gradient (Adam) or taken from the weight (AdamW)
   * @param decoupled true for AdamW
   */
  public AdamOptimizer(
      ParameterStore store,
      Stream stream,
      double beta1,
      double beta2,
      double eps,
      double weightDecay,
      boolean decoupled) {
    this.store = store;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.eps = eps;
    this.weightDecay = weightDecay;
    this.decoupled = decoupled;
    firstMoment = store.like(stream);
    secondMoment = store.like(stream);
  }

  /**
   * One update from the store's gradients.
   *
   * @param stream orders the work
   * @param learningRate used as it is
   * @param gradientScale the gradients are multiplied by this first
   */
  public void step(Stream stream, double learningRate, double gradientScale) {
    Tensor gradients = store.gradients(stream);
    steps++;
    stream
        .launch(Fn.ADAM, Struct.ADAM_PARAMS)
        .flag(decoupled)
        .i64(steps)
        .f64(learningRate)
        .f64(beta1)
        .f64(beta2)
        .f64(eps)
        .f64(weightDecay)
        .f64(gradientScale)
        .run(store.values(), gradients, firstMoment, secondMoment);
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
