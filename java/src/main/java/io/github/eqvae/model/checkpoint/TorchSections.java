package io.github.eqvae.model.checkpoint;

import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchFile;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The dictionaries of tensors in a file of {@code torch.save}. Trainings save several: the model,
 * its average, and sometimes other networks ({@code {model, ema, opt, args}} of DiT, {@code
 * {state_dict, ema_state_dict}}, a {@code vae} beside a generator). An autoencoder that was saved
 * with a dictionary for each of its modules ({@code {encoder, decoder, quant_conv}}) is joined.
 *
 * @param name name of the dictionary with the weights: empty for the root
 * @param tensors of it
 * @param others name to tensors of all other dictionaries
 */
record TorchSections(
    String name, Map<String, StoredTensor> tensors, Map<String, Map<String, StoredTensor>> others) {

  /** Largest depth of a dictionary: {@code ema.module}, {@code callbacks.EMA.state}. */
  private static final int DEPTH = 4;

  /** Keys under which weights are searched first: Lightning's, then those of other programs. */
  private static final List<String> FIRST = List.of("state_dict", "model_state_dict", "model", "");

  /**
   * Lightning's callback {@code WeightAveraging} writes the average as {@code state_dict}, and the
   * weights as last trained under this name.
   */
  private static final String LIGHTNING_CURRENT = "current_model_state";

  private static final String LIGHTNING_AVERAGE = "state_dict";

  /** The modules of an autoencoder, in every naming. */
  private static final List<String> MODULES =
      List.of("encoder", "decoder", "quant_conv", "post_quant_conv", "quantize", "bn");

  /** What DistributedDataParallel and torch.compile put before the names of a module. */
  private static final List<String> WRAPPERS = List.of("module.", "_orig_mod.");

  /**
   * Finds them; if no dictionary has an autoencoder, the weights are searched in the usual places.
   */
  static TorchSections of(TorchFile file) {
    TorchSections found = of(file.root());
    return found.tensors().isEmpty()
        ? new TorchSections("", stored(file.stateDict()), Map.of()) // the error says what it has
        : found;
  }

  /**
   * Finds them in the object of a file, or in one that will be written; empty if there are none.
   */
  static TorchSections of(TorchValue root) {
    Map<String, Map<String, StoredTensor>> all = new LinkedHashMap<>();
    collect("", root, 0, all);
    if (all.containsKey(LIGHTNING_CURRENT) && all.containsKey(LIGHTNING_AVERAGE)) {
      all.put(AveragedWeights.LIGHTNING, all.remove(LIGHTNING_AVERAGE));
    }
    if (all.isEmpty()) {
      return new TorchSections("", Map.of(), Map.of());
    }
    joinModules(all);
    String name = choose(all);
    if (name == null) {
      name =
          FIRST.stream()
              .filter(all::containsKey)
              .findFirst()
              .orElseGet(() -> all.keySet().iterator().next());
    }
    Map<String, Map<String, StoredTensor>> others = new LinkedHashMap<>(all);
    return new TorchSections(name, others.remove(name), others);
  }

  /** Makes one dictionary of those of an autoencoder's modules, wherever they are. */
  private static void joinModules(Map<String, Map<String, StoredTensor>> all) {
    for (String encoder : List.copyOf(all.keySet())) {
      if (!encoder.equals("encoder") && !encoder.endsWith(".encoder")) {
        continue;
      }
      String before = encoder.substring(0, encoder.length() - "encoder".length());
      String home = before.isEmpty() ? "" : before.substring(0, before.length() - 1);
      List<String> parts =
          MODULES.stream().filter(module -> all.containsKey(before + module)).toList();
      Map<String, StoredTensor> joined = new LinkedHashMap<>(all.getOrDefault(home, Map.of()));
      int count = joined.size();
      for (String part : parts) {
        Map<String, StoredTensor> tensors = all.get(before + part);
        count += tensors.size();
        int wrapper = wrapper(tensors.keySet());
        tensors.forEach(
            (name, t) -> {
              String full = part + "." + name.substring(wrapper);
              joined.put(full, new StoredTensor(full, t.dtype(), t.shape(), t::bytes));
            });
      }
      boolean unambiguous = joined.size() == count; // no name occurs twice
      if (unambiguous
          && parts.contains("decoder")
          && joined.keySet().containsAll(AutoencoderPrefix.ANCHORS)) {
        parts.forEach(part -> all.remove(before + part));
        all.put(home, joined);
      }
    }
  }

  /** The length of the wrappers' names that all names begin with. */
  private static int wrapper(Set<String> names) {
    int length = 0;
    boolean more = true;
    while (more) {
      int from = length;
      Optional<String> next =
          WRAPPERS.stream()
              .filter(w -> names.stream().allMatch(name -> name.startsWith(w, from)))
              .findFirst();
      length += next.map(String::length).orElse(0);
      more = next.isPresent();
    }
    return length;
  }

  private static @org.jspecify.annotations.Nullable String choose(
      Map<String, Map<String, StoredTensor>> all) {
    for (String first : FIRST) {
      if (all.containsKey(first) && AutoencoderPrefix.isThere(all.get(first).keySet())) {
        return first;
      }
    }
    List<String> candidates =
        all.keySet().stream()
            .filter(name -> AutoencoderPrefix.isThere(all.get(name).keySet()))
            .toList();
    return candidates.stream()
        .filter(name -> !AveragedWeights.isAverage(name))
        .findFirst()
        .or(() -> candidates.stream().findFirst())
        .orElse(null);
  }

  private static void collect(
      String path, TorchValue value, int depth, Map<String, Map<String, StoredTensor>> into) {
    if (!(value instanceof TorchValue.PyDict dict) || depth > DEPTH) {
      return;
    }
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    List<Runnable> inner = new ArrayList<>();
    for (TorchValue.PyDict.Entry entry : dict.entries()) {
      if (!(entry.key() instanceof TorchValue.PyStr key)) {
        continue; // an optimizer's state counts its parameters
      }
      String name = key.value();
      switch (entry.value()) {
        case TorchTensor tensor -> tensors.put(name, stored(name, tensor));
        case TorchValue.Placeholder p -> other(name, p).ifPresent(t -> tensors.put(name, t));
        default ->
            inner.add(
                () ->
                    collect(
                        path.isEmpty() ? name : path + "." + name, entry.value(), depth + 1, into));
      }
    }
    if (!tensors.isEmpty()) {
      into.put(path, tensors);
    }
    inner.forEach(Runnable::run);
  }

  /** A tensor of a kind that cannot be read; it exists, so it must not be reported as missing. */
  private static Optional<StoredTensor> other(String name, TorchValue.Placeholder value) {
    return value
        .tensorKind()
        .map(
            kind ->
                new StoredTensor(
                    name,
                    kind + " tensor ",
                    new long[0],
                    () -> MemorySegment.ofArray(new byte[0])));
  }

  private static Map<String, StoredTensor> stored(Map<String, TorchTensor> dict) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    dict.forEach((name, tensor) -> tensors.put(name, stored(name, tensor)));
    return tensors;
  }

  /** A tensor of the file, with safetensors' name of its type. */
  static StoredTensor stored(String name, TorchTensor tensor) {
    return new StoredTensor(name, dtype(tensor.dtype()), tensor.shape(), tensor::bytes);
  }

  /** The name that safetensors has for a type. */
  private static String dtype(TorchDtype dtype) {
    for (FloatType type : FloatType.values()) {
      if (type.torch() == dtype) {
        return type.name();
      }
    }
    return dtype.torchName();
  }
}
