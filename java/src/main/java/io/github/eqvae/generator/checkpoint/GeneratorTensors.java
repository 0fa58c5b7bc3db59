package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The generator among the tensors of a checkpoint: {@code torch.save} of DiT's, SiT's and
 * LightningDiT's training holds it twice, in the dictionaries {@code model} and {@code ema}; in
 * either the names may begin with {@code module.}.
 *
 * @param where the dictionary it is in, and what stands before its names there; mostly empty
 * @param tensors by their names without that
 * @param others what the file is known to hold beside, and how many tensors of it
 * @param average whether these are averaged weights
 * @param note which weights were taken, if there are two sets of them
 */
record GeneratorTensors(
    String where,
    Map<String, StoredTensor> tensors,
    Map<String, Integer> others,
    boolean average,
    Optional<String> note) {
  /**
   * What every network of a kind has, and nothing else that we know.
   *
   * @param names of tensors
   * @param of whose they are, for messages
   */
  record Anchors(List<String> names, String of) {}

  static final Anchors DIT =
      new Anchors(
          List.of("x_embedder.proj.weight", "final_layer.linear.weight", "t_embedder.mlp.0.weight"),
          "DiT, SiT and LightningDiT");

  /** One set of weights: a dictionary and a prefix. */
  private record Place(String dictionary, String prefix, Map<String, StoredTensor> all) {
    boolean average() {
      return Weights.isAverage(dictionary) || Weights.isAverage(prefix);
    }

    String title() {
      String names = prefix.isEmpty() ? "" : prefix + "*";
      return dictionary.isEmpty() ? names : dictionary + (names.isEmpty() ? "" : ": " + names);
    }
  }

  /** Whether there is one. */
  static boolean isThere(CheckpointFile file, Anchors anchors) {
    return !places(file, anchors).isEmpty();
  }

  /**
   * Chooses.
   *
   * @throws EqvaeException.Argument if there is none, or not of the kind that is wanted
   */
  static GeneratorTensors of(CheckpointFile file, Weights wanted, Anchors anchors) {
    List<Place> places = places(file, anchors);
    if (places.isEmpty()) {
      throw new EqvaeException.Argument(
          file.path()
              + " holds no generator that is known here: none of its "
              + file.tensors().size()
              + " tensors is called "
              + anchors.names().getFirst()
              + ", as in "
              + anchors.of());
    }
    Optional<Place> average = places.stream().filter(Place::average).findFirst();
    Optional<Place> trained = places.stream().filter(p -> !p.average()).findFirst();
    if (wanted == Weights.EMA && average.isEmpty() && !file.keepsAverage()) {
      throw new EqvaeException.Argument(
          file.path()
              + " holds no averaged weights: no dictionary such as ema; leave out --weights ema");
    }
    if (wanted == Weights.MODEL && trained.isEmpty()) {
      throw new EqvaeException.Argument(
          file.path()
              + " holds averaged weights ("
              + average.orElseThrow().title()
              + ") alone, not those as last trained; leave out --weights model");
    }
    boolean takesAverage = average.isPresent() && wanted != Weights.MODEL;
    Place place = takesAverage ? average.get() : trained.orElseThrow();
    return of(place, note(place, average, trained));
  }

  private static Optional<String> note(
      Place taken, Optional<Place> average, Optional<Place> trained) {
    if (average.isEmpty()) {
      return Optional.empty();
    }
    if (!taken.average()) {
      return Optional.of(
          "took the weights as last trained; their average ("
              + average.get().title()
              + ") is there, too: --weights ema takes it");
    }
    return Optional.of(
        "took the averaged weights ("
            + taken.title()
            + ")"
            + (trained.isPresent()
                ? "; those as last trained are there, too: --weights model takes them"
                : ""));
  }

  private static GeneratorTensors of(Place place, Optional<String> note) {
    Map<String, StoredTensor> inside = new LinkedHashMap<>();
    Map<String, Integer> others = new TreeMap<>();
    place
        .all()
        .forEach(
            (name, tensor) -> {
              String own =
                  name.startsWith(place.prefix()) ? name.substring(place.prefix().length()) : "";
              if (own.isEmpty()) {
                others.merge("tensors called " + name.replaceAll("\\..*", ".*"), 1, Integer::sum);
              } else {
                inside.put(own, tensor);
              }
            });
    return new GeneratorTensors(place.title(), inside, others, place.average(), note);
  }

  private static List<Place> places(CheckpointFile file, Anchors anchors) {
    String anchor = anchors.names().getFirst();
    Map<String, Map<String, StoredTensor>> dictionaries = new LinkedHashMap<>();
    dictionaries.put(file.section(), file.tensors());
    dictionaries.putAll(file.sections());
    List<Place> places = new ArrayList<>();
    dictionaries.forEach(
        (dictionary, tensors) -> {
          for (String name : tensors.keySet()) {
            if (name.endsWith(anchor)) {
              String prefix = name.substring(0, name.length() - anchor.length());
              boolean whole = prefix.isEmpty() || prefix.endsWith(".");
              if (whole
                  && anchors.names().stream().allMatch(a -> tensors.containsKey(prefix + a))) {
                places.add(new Place(dictionary, prefix, tensors));
              }
            }
          }
        });
    return places;
  }
}
