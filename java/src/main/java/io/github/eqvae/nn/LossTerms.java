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
 * What the scalars that a step left on the device mean: each named loss is a sum of scalars times
 * factors. It says the same of every step of one kind, so a graph's launches share it. Made by
 * {@link LossCollector}.
 */
public final class LossTerms {
  /**
   * Where a step leaves its results.
   *
   * @param scalars {@code [n]} in the device's dtype
   * @param integers {@code [m]} of I32, for what is {@linkplain Tally tallied}; null for nothing
   */
  public record Report(Tensor scalars, @Nullable Tensor integers) {
    /**
     * A report in an arena.
     *
     * @param arena where it lives
     * @param scalars how many there are at most
     * @param integers how many are tallied at most; 0 for none
     * @return the report
     */
    public static Report in(TensorArena arena, int scalars, int integers) {
      return new Report(
          arena.tensor(Shape.of(scalars)),
          integers == 0 ? null : arena.tensor(Shape.of(integers), DType.I32));
    }
  }

  /** Makes numbers of integers that a step left on the device, such as the codes it used. */
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
   * How many scalars this step reports.
   *
   * @return the count: the first so many of {@link Report#scalars}
   */
  public int scalars() {
    return scalars;
  }

  /**
   * The losses.
   *
   * @param values the scalars, read from the device
   * @param report where the step left its integers
   * @param stream waited for, if there are integers
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
