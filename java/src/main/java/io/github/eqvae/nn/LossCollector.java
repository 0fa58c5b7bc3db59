package io.github.eqvae.nn;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Collects scalars on the device, so that one copy reads all of them: one wait per step, not one
 * per number.
 */
public final class LossCollector {
  private final List<LossTerms.Term> terms = new ArrayList<>();
  private final Map<Tensor, Integer> places = new IdentityHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final List<Tensor> tallied = new ArrayList<>();
  private final Map<String, Double> constants = new LinkedHashMap<>();
  private LossTerms.@Nullable Tally tally;

  /** Nothing yet. */
  public LossCollector() {}

  /**
   * Adds to a named loss.
   *
   * @param name its name
   * @param scalar a scalar on the device
   * @param factor what it is multiplied with
   */
  public void add(String name, Tensor scalar, double factor) {
    Integer place = places.get(scalar);
    if (place == null) {
      place = tensors.size();
      places.put(scalar, place);
      tensors.add(scalar);
    }
    terms.add(new LossTerms.Term(name, place, factor));
  }

  /**
   * Adds a number of the host to a named loss.
   *
   * @param name its name
   * @param constant the number
   */
  public void add(String name, double constant) {
    constants.merge(name, constant, Double::sum);
  }

  /**
   * Adds integers from which numbers are computed when the losses are read.
   *
   * @param by computes them, the same in every call
   * @param integers of I32; null for none of this part
   */
  public void add(LossTerms.Tally by, @Nullable Tensor integers) {
    tally = by;
    if (integers != null) {
      tallied.add(integers);
    }
  }

  /**
   * Copies everything that was added into memory that lives longer than the step's.
   *
   * @param stream orders the copies
   * @param report must have room for all of it
   * @return what it means
   */
  public LossTerms collect(Stream stream, LossTerms.Report report) {
    for (int i = 0; i < tensors.size(); i++) {
      tensors.get(i).reshape(Shape.of(1)).copyTo(stream, report.scalars().narrow(0, i, 1));
    }
    int integers = 0;
    Tensor all = report.integers();
    for (Tensor part : tallied) {
      int n = Math.toIntExact(part.shape().elements());
      if (all != null) {
        part.reshape(Shape.of(n)).copyTo(stream, all.narrow(0, integers, n));
      }
      integers += n;
    }
    return new LossTerms(terms, constants, tensors.size(), tally, integers);
  }
}
