package io.github.eqvae.equivariance;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Collects scalars on the device and reads them all with one copy: one wait per step, not one per
 * number.
 */
final class Scalars {
  private final List<String> names = new ArrayList<>();
  private final List<Double> factors = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final Map<String, Double> constants = new LinkedHashMap<>();

  /** Adds factor·tensor to the named value. */
  void add(String name, Tensor scalar, double factor) {
    names.add(name);
    tensors.add(scalar);
    factors.add(factor);
  }

  /** Adds a number that the host knows. */
  void add(String name, double constant) {
    constants.merge(name, constant, Double::sum);
  }

  StepLosses read(Tape tape) {
    Stream stream = tape.stream();
    Tensor all = tape.arena().tensor(Shape.of(Math.max(1, tensors.size())));
    for (int i = 0; i < tensors.size(); i++) {
      tensors.get(i).reshape(Shape.of(1)).copyTo(stream, all.narrow(0, i, 1));
    }
    double[] values = all.toDoubles(stream);
    Map<String, Double> sums = new LinkedHashMap<>();
    for (int i = 0; i < tensors.size(); i++) {
      sums.merge(names.get(i), factors.get(i) * values[i], Double::sum);
    }
    constants.forEach((name, value) -> sums.merge(name, value, Double::sum));
    return new StepLosses(sums);
  }
}
