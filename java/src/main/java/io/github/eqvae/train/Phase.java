package io.github.eqvae.train;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A unit of work for the device: it may become one graph, and its parts can use each other's
 * results in the step arena, which is reset between phases.
 *
 * @param signature determines the operations of all parts, together with whether the micro-batch is
 *     the first or last of its step. Two phases with equal signatures at the same position in a
 *     micro-batch can use the same graph. Null if the phase will not be repeated; then it is never
 *     captured
 * @param parts in their order; each updates another group
 */
public record Phase(@Nullable Object signature, List<Part> parts) {
  /** Copies the list. */
  public Phase {
    parts = List.copyOf(parts);
  }

  /**
   * A phase of one part.
   *
   * @param signature as above
   * @param group which group it updates: an index into {@link Task#groups}
   * @param work computes its losses and gradients
   * @return the phase
   */
  public static Phase of(@Nullable Object signature, int group, Work work) {
    return new Phase(signature, List.of(new Part(group, work)));
  }

  /**
   * The work for one group.
   *
   * @param group an index into {@link Task#groups}
   * @param work computes its losses and gradients
   */
  public record Part(int group, Work work) {}

  /** Computes losses and gradients, operation by operation, without waiting for the device. */
  @FunctionalInterface
  public interface Work {
    /**
     * Gives the stream the operations. They add to the gradients of the group's parameters, and
     * must not change other groups.
     *
     * @param context stream, memory and inputs
     * @return the meaning of the numbers in {@link StepContext#report}
     */
    LossReport run(StepContext context);
  }
}
