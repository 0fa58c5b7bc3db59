package io.github.eqvae.nn;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Finds where NaN or infinity began, after a step in which something was not finite. Slow: it
 * counts for each parameter.
 *
 * <p>If a weight is not finite, everything that is computed from it is not finite either, so the
 * first such weight is reported. Otherwise it is a gradient. The backward pass runs from the last
 * layer to the first and carries non-finite values along, so the last parameter, in the order of
 * the model, whose gradient is not finite is reported.
 */
public final class FirstNonFinite {
  private FirstNonFinite() {}

  /**
   * Examines a network.
   *
   * @param stream waited for
   * @param store its parameters, with the gradients of the step
   * @return where it began, as a part of a sentence; empty if everything is finite
   */
  public static Optional<String> in(Stream stream, ParameterStore store) {
    try (TensorArena arena = new TensorArena(stream.device(), "search")) {
      NonFiniteCount count = new NonFiniteCount(arena);
      List<Parameter> all = new ArrayList<>(store.all());
      for (Parameter p : all) {
        long values = count(stream, count, p.value());
        if (values > 0) {
          return Optional.of(
              "the weight "
                  + p.name()
                  + " ("
                  + values
                  + " of "
                  + p.shape().elements()
                  + " numbers)");
        }
      }
      if (!store.isTrainable()) {
        return Optional.empty();
      }
      store.gradients(stream);
      int others = 0;
      String last = "";
      for (Parameter p : store.learned()) {
        long values = count(stream, count, p.gradient());
        if (values > 0) {
          others += last.isEmpty() ? 0 : 1;
          last = p.name() + " (" + values + " of " + p.shape().elements() + " numbers";
        }
      }
      return last.isEmpty()
          ? Optional.empty()
          : Optional.of(
              "the gradient of "
                  + last
                  + (others == 0 ? ")" : "; " + others + " parameters before it, too)"));
    }
  }

  private static long count(Stream stream, NonFiniteCount count, Tensor values) {
    count.clear(stream);
    count.add(stream, values);
    return (long) count.total().item(stream);
  }
}
