package io.github.eqvae.train;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Work that is given to the device as a whole: it may become one graph, and its parts see each
 * other's results in the step arena, which is reset between phases.
 *
 * @param signature determines the operations of all parts, beside the micro-batch being the first
 *     or last of its step: of two phases at one place in a micro-batch whose signatures are equal,
 *     one's graph does the other's work. Null if it is unlike any other: it is never captured
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
   * What is done for one group.
   *
   * @param group an index into {@link Task#groups}
   * @param work computes its losses and gradients
   */
  public record Part(int group, Work work) {}

  /** Computes losses and gradients, operation by operation, without waiting for the device. */
  @FunctionalInterface
  public interface Work {
    /**
     * Gives the stream the operations. The gradients of the group's parameters are added to; of
     * other groups nothing may change.
     *
     * @param context stream, memory and inputs
     * @return what the numbers mean that were left in {@link StepContext#report}
     */
    LossReport run(StepContext context);
  }
}
