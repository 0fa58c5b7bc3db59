package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Finds the moving average of an autoencoder's weights beside the current weights. Trainings store
 * it in several ways: in a separate dictionary ({@code ema}, {@code ema_state_dict}), in {@code
 * state_dict} with the current weights in a separate one (Lightning's callback), under a separate
 * prefix ({@code ema_model.module.}; ema-pytorch has {@code online_model.} beside it), or, as
 * latent-diffusion's {@code LitEma}, under {@code model_ema.} and with all dots removed from the
 * names.
 */
final class AveragedWeights {
  /** Words in the name of a dictionary or prefix. */
  private static final Pattern WORDS =
      Pattern.compile(
          "(^|[._])(ema|litema|averaged?|avg|shadow|swa)([._]|$)|_ema\\b",
          Pattern.CASE_INSENSITIVE);

  /** What {@link TorchSections} calls the dictionary that Lightning's callback fills. */
  static final String LIGHTNING = "state_dict of Lightning's WeightAveraging";

  private static final int SHOWN = 5;

  private static final String LIT_EMA = "model_ema.";

  /**
   * The chosen weights.
   *
   * @param tensors the autoencoder's, by their names without the prefix
   * @param average whether the average was taken
   * @param note a message about the choice; empty if there is only one set
   */
  record Choice(Map<String, StoredTensor> tensors, boolean average, Optional<String> note) {}

  /** An average: its name, and its tensors by the names of the averaged tensors. */
  private record Average(String name, Map<String, StoredTensor> tensors) {}

  private AveragedWeights() {}

  /** Whether a dictionary or prefix of this name has an average. */
  static boolean isAverage(String name) {
    return name.equals(LIGHTNING) || WORDS.matcher(name).find();
  }

  /**
   * Chooses.
   *
   * @param file the checkpoint
   * @param prefix of the autoencoder in it
   * @param inside all tensors under this prefix, by their names without it
   * @param parameters the learned ones among them
   * @param wanted which weights
   * @throws EqvaeException.Argument if the requested weights are missing
   */
  static Choice choose(
      CheckpointFile file,
      String prefix,
      Map<String, StoredTensor> inside,
      Collection<String> parameters,
      Weights wanted) {
    // a dictionary called ema may have both: current weights and their average
    boolean both = prefixes(file.tensors().keySet()).stream().anyMatch(AveragedWeights::isAverage);
    if (isAverage(prefix) || isAverage(file.section()) && !both) {
      String what = (file.section().isEmpty() ? prefix + "*" : file.section());
      if (wanted == Weights.MODEL) {
        throw new EqvaeException.Argument(
            file.path()
                + " only has averaged weights ("
                + what
                + "), not those as last trained; leave out --weights model");
      }
      return new Choice(inside, true, Optional.of("took the averaged weights (" + what + ")"));
    }
    // by name; of several with one name the one with most tensors
    Map<String, Average> found = new LinkedHashMap<>();
    for (Average a : averages(file, prefix, inside)) {
      if (!a.tensors().isEmpty()) {
        found.merge(a.name(), a, (x, y) -> y.tensors().size() > x.tensors().size() ? y : x);
      }
    }
    if (found.isEmpty()) {
      Optional<String> nameless = nameless(file);
      if (wanted == Weights.EMA && !file.keepsAverage()) {
        throw new EqvaeException.Argument(
            file.path()
                + " holds no averaged weights: neither a dictionary such as ema or ema_state_dict,"
                + " nor names such as model_ema.*; leave out --weights ema"
                + nameless.map(what -> ". " + what).orElse(""));
      }
      return new Choice(
          inside,
          false,
          nameless.map(what -> "took the weights as last trained. " + what).or(file::folderNote));
    }
    Average average =
        found.values().stream()
            .filter(a -> fault(a, inside, parameters).isEmpty())
            .findFirst()
            .orElse(found.values().iterator().next());
    String others = others(found.keySet(), average.name());
    Optional<Fault> fault = fault(average, inside, parameters);
    if (wanted == Weights.EMA && fault.isPresent()) {
      throw new EqvaeException.Argument(
          file.path()
              + ": the average ("
              + average.name()
              + ") "
              + fault.get().of(parameters.size())
              + ", "
              + fault.get().names()
              + "; leave out --weights ema"
              + others);
    }
    if (wanted == Weights.MODEL || wanted == Weights.AUTO && fault.isPresent()) {
      return new Choice(
          inside,
          false,
          Optional.of(
              "took the weights as last trained; the file also has their average ("
                  + average.name()
                  + ")"
                  + fault
                      .map(why -> ", but it " + why.of(parameters.size()))
                      .orElse(": --weights ema uses it")
                  + others));
    }
    // values that are not learned, such as statistics of a norm, have no average
    Map<String, StoredTensor> taken = new LinkedHashMap<>(inside);
    parameters.forEach(taken::remove);
    taken.putAll(average.tensors());
    return new Choice(
        taken,
        true,
        Optional.of(
            "took the averaged weights ("
                + average.name()
                + "); the file also has those as last trained: --weights model uses them"
                + others));
  }

  /** Why an average cannot replace the weights: its fault, and the tensors that have it. */
  private record Fault(String does, List<String> tensors) {
    String of(int all) {
      return does + " " + tensors.size() + " of " + all + " tensors";
    }

    String names() {
      return String.join(", ", tensors.subList(0, Math.min(SHOWN, tensors.size())))
          + (tensors.size() > SHOWN ? " …" : "");
    }
  }

  private static Optional<Fault> fault(
      Average average, Map<String, StoredTensor> inside, Collection<String> parameters) {
    Map<String, StoredTensor> has = average.tensors();
    List<String> lost = parameters.stream().filter(n -> !has.containsKey(n)).toList();
    if (!lost.isEmpty()) {
      return Optional.of(new Fault("lacks", lost));
    }
    List<String> other =
        parameters.stream()
            .filter(n -> inside.containsKey(n))
            .filter(n -> !Arrays.equals(has.get(n).shape(), inside.get(n).shape()))
            .map(n -> n + " " + shape(has, n) + " instead of " + shape(inside, n))
            .toList();
    return other.isEmpty()
        ? Optional.empty()
        : Optional.of(new Fault("has other shapes for", other));
  }

  private static String shape(Map<String, StoredTensor> tensors, String name) {
    return Arrays.toString(tensors.get(name).shape());
  }

  private static String others(Set<String> all, String taken) {
    List<String> rest = all.stream().filter(name -> !name.equals(taken)).toList();
    return rest.isEmpty()
        ? ""
        : ". The file has further averages, which are not read: "
            + String.join(", ", rest)
            + ". To use one of them, delete the others from the file in Python";
  }

  /** An average in the form of diffusers' EMAModel and torch_ema: a list, in the model's order. */
  private static Optional<String> nameless(CheckpointFile file) {
    return file.beside().stream()
        .filter(what -> what.endsWith(" entries)") && !what.endsWith(" (0 entries)"))
        .map(what -> what.substring(0, what.indexOf(" (")))
        .filter(AveragedWeights::isAverage)
        .filter(key -> file.sections().keySet().stream().noneMatch(name -> name.startsWith(key)))
        .findFirst()
        .map(
            key ->
                "There is also an average ("
                    + key
                    + "), but as a list without names, so it is not used: in Python,"
                    + " ema.copy_to(model.parameters()), and save the state_dict");
  }

  private static List<Average> averages(
      CheckpointFile file, String prefix, Map<String, StoredTensor> inside) {
    List<Average> all = new ArrayList<>();
    file.sections()
        .forEach(
            (name, tensors) -> {
              if (isAverage(name)) {
                Set<String> theirs = new LinkedHashSet<>(prefixes(tensors.keySet()));
                // an incomplete average may lack the tensors that show its prefix
                theirs.add(prefix);
                theirs.add("");
                for (String before : theirs) {
                  all.add(new Average(name, under(before, tensors, inside.keySet())));
                }
              }
            });
    for (String other : AutoencoderPrefix.all(file.tensors().keySet())) {
      if (!other.equals(prefix) && isAverage(other)) {
        all.add(new Average(other + "*", under(other, file.tensors(), inside.keySet())));
      }
    }
    all.add(new Average(prefix + LIT_EMA + "*", litEma(file.tensors(), prefix, "", inside)));
    all.add(new Average(LIT_EMA + "*", litEma(file.tensors(), "", prefix, inside)));
    return all;
  }

  /**
   * Prefixes whose name is that of an average come first; tensors under the others are not
   * averaged.
   */
  private static List<String> prefixes(Set<String> names) {
    return AutoencoderPrefix.all(names).stream()
        .sorted(Comparator.comparing(prefix -> !isAverage(prefix)))
        .toList();
  }

  private static Map<String, StoredTensor> under(
      String prefix, Map<String, StoredTensor> tensors, Set<String> names) {
    Map<String, StoredTensor> found = new LinkedHashMap<>();
    for (String name : names) {
      StoredTensor tensor = tensors.get(prefix + name);
      if (tensor != null) {
        found.put(name, tensor);
      }
    }
    return found;
  }

  private static Map<String, StoredTensor> litEma(
      Map<String, StoredTensor> tensors,
      String before,
      String within,
      Map<String, StoredTensor> inside) {
    Map<String, StoredTensor> found = new LinkedHashMap<>();
    for (String name : inside.keySet()) {
      StoredTensor tensor = tensors.get(before + LIT_EMA + (within + name).replace(".", ""));
      if (tensor != null) {
        found.put(name, tensor);
      }
    }
    return found;
  }
}
