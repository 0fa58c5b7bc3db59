package io.github.eqvae.equivariance;

import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the scalars that a step left on the device mean: each named loss is a sum of scalars times
 * factors. It says the same of every step of one kind, so a graph's launches share it.
 */
public final class LossTerms {
  /**
   * Where a step leaves its results.
   *
   * @param scalars {@code [n]} in the device's dtype, n at least {@link #capacity}
   * @param codes {@code [m]} of I32, one for each latent vector of the batch; null for models
   *     without a codebook
   */
  public record Report(Tensor scalars, @Nullable Tensor codes) {
    /**
     * A report in an arena.
     *
     * @param arena where it lives
     * @param groups groups of samples that share a draw
     * @param codes latent vectors of a batch; 0 for models without a codebook
     * @return the report
     */
    public static Report in(Arena arena, int groups, int codes) {
      return new Report(
          arena.tensor(Shape.of(capacity(groups))),
          codes == 0 ? null : arena.tensor(Shape.of(codes), DType.I32));
    }
  }

  /** One summand of a named loss. */
  record Term(String name, int place, double factor) {}

  private final List<Term> terms;
  private final Map<String, Double> constants;
  private final int scalars;
  private final @Nullable CodebookUsage usage;
  private final int codes;

  LossTerms(
      List<Term> terms,
      Map<String, Double> constants,
      int scalars,
      @Nullable CodebookUsage usage,
      int codes) {
    this.terms = List.copyOf(terms);
    this.constants = new LinkedHashMap<>(constants);
    this.scalars = scalars;
    this.usage = usage;
    this.codes = codes;
  }

  /**
   * How many scalars a step reports at most.
   *
   * @param groups groups of samples that share a draw
   * @return the count
   */
  public static int capacity(int groups) {
    return 12 * groups + 4;
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
   * @param report where the step left its codes
   * @param stream waited for, if there are codes
   * @return by name
   */
  public StepLosses read(double[] values, Report report, Stream stream) {
    Map<String, Double> sums = new LinkedHashMap<>();
    for (Term t : terms) {
      sums.merge(t.name(), t.factor() * values[t.place()], Double::sum);
    }
    constants.forEach((name, value) -> sums.merge(name, value, Double::sum));
    Optional.ofNullable(usage)
        .ifPresent(
            u -> {
              Tensor all = report.codes();
              CodebookUsage batch = new CodebookUsage(u.codes());
              if (all != null && codes > 0) {
                batch.add(Arrays.copyOf(all.toInts(stream), codes));
              }
              sums.put("codes_used", (double) batch.used());
              sums.put("perplexity", batch.perplexity());
            });
    return new StepLosses(sums);
  }
}
