package io.github.eqvae.train;

import java.util.List;

/**
 * A task of one network that learns in one phase, the same in every micro-batch. It is one graph.
 */
public abstract class OneNetworkTask implements Task {
  /** For a task. */
  protected OneNetworkTask() {}

  /**
   * The network's parameters.
   *
   * @return the same in every call
   */
  protected abstract ParameterGroup group();

  /**
   * Computes losses and gradients of a micro-batch, with the same operations for every one.
   *
   * @param context stream, memory and inputs
   * @return the meaning of the numbers in {@link StepContext#report}
   */
  protected abstract LossReport learn(StepContext context);

  @Override
  public final List<ParameterGroup> groups() {
    return List.of(group());
  }

  @Override
  public final List<Phase> phases(MicroBatch at) {
    return List.of(Phase.of("learn", 0, this::learn));
  }
}
