package io.github.eqvae.nn;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The meaning of the scalars that a step leaves on the device: each named loss is a sum of scalars
 * times factors. It is the same for every step of one kind, so all launches of a graph share it.
 * Made by {@link LossCollector}.
 */
public final class LossTerms {
  /**
   * Memory for the results of a step.
   *
   * @param scalars {@code [n]} in the device's dtype
   * @param integers {@code [m]} of I32, for what is {@linkplain Tally tallied}; null for nothing
   */
  public record Report(Tensor scalars, @Nullable Tensor integers) {
    /**
     * A report in an arena.
     *
     * @param arena where it lives
     * @param scalars their largest number
     * @param integers the largest number of integers; 0 for none
     * @return the report
     */
    public static Report in(TensorArena arena, int scalars, int integers) {
      return new Report(
          arena.tensor(Shape.of(scalars)),
          integers == 0 ? null : arena.tensor(Shape.of(integers), DType.I32));
    }
  }

  /** Computes numbers from integers that a step leaves on the device, such as the codes it used. */
  @FunctionalInterface
  public interface Tally {
    /**
     * Reads the integers of one step.
     *
     * @param values the integers
     * @return numbers by name
     */
    Map<String, Double> of(int[] values);
  }

  /** One summand of a named loss. */
  record Term(String name, int place, double factor) {}

  private final List<Term> terms;
  private final Map<String, Double> constants;
  private final int scalars;
  private final @Nullable Tally tally;
  private final int integers;

  LossTerms(
      List<Term> terms,
      Map<String, Double> constants,
      int scalars,
      @Nullable Tally tally,
      int integers) {
    this.terms = List.copyOf(terms);
    this.constants = new LinkedHashMap<>(constants);
    this.scalars = scalars;
    this.tally = tally;
    this.integers = integers;
  }

  /**
   * The number of scalars that this step reports.
   *
   * @return the count; they are the first ones of {@link Report#scalars}
   */
  public int scalars() {
    return scalars;
  }

  /**
   * The losses.
   *
   * @param values the scalars, read from the device
   * @param report has the integers of the step
   * @param stream the call waits for it if there are integers
   * @return by name
   */
  public Losses read(double[] values, Report report, Stream stream) {
    Map<String, Double> sums = new LinkedHashMap<>();
    for (Term t : terms) {
      sums.merge(t.name(), t.factor() * values[t.place()], Double::sum);
    }
    constants.forEach((name, value) -> sums.merge(name, value, Double::sum));
    if (tally != null) {
      Tensor all = report.integers();
      int[] read =
          all == null || integers == 0 ? new int[0] : Arrays.copyOf(all.toInts(stream), integers);
      sums.putAll(tally.of(read));
    }
    return new Losses(sums);
  }
}
