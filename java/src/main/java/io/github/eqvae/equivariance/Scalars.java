package io.github.eqvae.equivariance;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
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
 * Collects scalars on the device, so that one copy reads them all: one wait per step, not one per
 * number.
 */
final class Scalars {
  private final List<LossTerms.Term> terms = new ArrayList<>();
  private final Map<Tensor, Integer> places = new IdentityHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final List<Tensor> codes = new ArrayList<>();
  private final Map<String, Double> constants = new LinkedHashMap<>();
  private @Nullable CodebookUsage usage;

  /** Adds factor·tensor to the named value. */
  void add(String name, Tensor scalar, double factor) {
    Integer place = places.get(scalar);
    if (place == null) {
      place = tensors.size();
      places.put(scalar, place);
      tensors.add(scalar);
    }
    terms.add(new LossTerms.Term(name, place, factor));
  }

  /** Adds a number that the host knows. */
  void add(String name, double constant) {
    constants.merge(name, constant, Double::sum);
  }

  /** Adds how a batch uses a codebook. */
  void add(CodebookUsage codebook, Autoencoder.Bottleneck bottleneck) {
    usage = codebook;
    Autoencoder.Quantization q = bottleneck.quantization();
    if (q != null) {
      codes.add(q.index());
    }
  }

  /** Copies what was added to where it outlives the step's other memory. */
  LossTerms collect(Stream stream, LossTerms.Report report) {
    for (int i = 0; i < tensors.size(); i++) {
      tensors.get(i).reshape(Shape.of(1)).copyTo(stream, report.scalars().narrow(0, i, 1));
    }
    int vectors = 0;
    Tensor all = report.codes();
    for (Tensor index : codes) {
      int n = Math.toIntExact(index.shape().elements());
      if (all != null) {
        index.reshape(Shape.of(n)).copyTo(stream, all.narrow(0, vectors, n));
      }
      vectors += n;
    }
    return new LossTerms(terms, constants, tensors.size(), usage, vectors);
  }
}
