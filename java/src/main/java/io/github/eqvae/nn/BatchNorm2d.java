package io.github.eqvae.nn;

import io.github.eqvae.op.BatchNorm;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Batch normalisation with running statistics. PyTorch: {@code nn.BatchNorm2d}. */
public final class BatchNorm2d {
  private final double eps;
  private final double momentum;
  private final Parameter weight;
  private final Parameter bias;
  private final Parameter runningMean;
  private final Parameter runningVar;
  private @Nullable Communicator ranks;

  /**
   * Declares the layer.
   *
   * @param scope where its parameters go
   * @param channels channels
   * @param eps added to the variance; PyTorch's default is 1e-5
   * @param momentum weight of the new batch in the running statistics; PyTorch's default is 0.1
   * @param weightInit how the scale starts
   */
  public BatchNorm2d(Scope scope, int channels, double eps, double momentum, Init weightInit) {
    this.eps = eps;
    this.momentum = momentum;
    weight = scope.parameter("weight", weightInit, channels);
    bias = scope.parameter("bias", Init.ZEROS, channels);
    runningMean = scope.buffer("running_mean", Init.ZEROS, channels);
    runningVar = scope.buffer("running_var", Init.ONES, channels);
  }

  /**
   * From now on training uses the statistics of all ranks' batches together. Then every rank must
   * run the layer, and its backward pass, equally often.
   *
   * @param with who takes part
   */
  public void synchronise(Communicator with) {
    ranks = with;
  }

  /**
   * Runs the layer.
   *
   * @param tape the tape
   * @param x {@code [N,H,W,C]}
   * @param training true: use the batch's statistics and update the running ones; false: use the
   *     running ones
   * @return the same shape
   */
  public Tensor forward(Tape tape, Tensor x, boolean training) {
    return tape.apply(
        training && ranks != null
            ? new SyncBatchNorm(eps, momentum, ranks)
            : new BatchNorm(eps, momentum, training),
        x,
        weight.on(tape),
        bias.on(tape),
        runningMean.value(),
        runningVar.value());
  }
}
