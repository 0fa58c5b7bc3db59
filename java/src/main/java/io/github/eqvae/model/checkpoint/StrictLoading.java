package io.github.eqvae.model.checkpoint;

import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads all parameters of a model, and changes nothing unless everything fits. */
final class StrictLoading {
  private StrictLoading() {}

  static void load(
      Path file,
      AutoencoderKeys keys,
      KeyReport report,
      List<String> notFinite,
      ParameterStore parameters,
      Stream stream) {
    List<String> missing = new ArrayList<>();
    List<String> misshaped = new ArrayList<>(report.misshaped());
    Map<String, StoredTensor> unexpected = new LinkedHashMap<>(keys.tensors());
    for (Parameter p : parameters.all()) {
      StoredTensor tensor = unexpected.remove(p.name());
      if (tensor == null) {
        missing.add(keys.nameInFile(p.name()) + " " + p.shape());
      } else if (!KeyComparison.fits(p.name(), tensor.shape(), p.shape())) {
        String line = tensor + ", expected " + p.shape();
        if (!misshaped.contains(line)) {
          misshaped.add(line);
        }
      }
    }
    List<String> others = new ArrayList<>(keys.unexpected());
    unexpected.values().forEach(tensor -> others.add(tensor.toString()));
    new KeyReport(missing, others, misshaped, report.mistyped())
        .requireClean(file + " does not fit the model");
    FiniteWeights.require(file.toString(), notFinite);
    for (Parameter p : parameters.all()) {
      p.value().set(stream, keys.tensors().get(p.name()).floats());
    }
    parameters.repack(stream);
  }
}
