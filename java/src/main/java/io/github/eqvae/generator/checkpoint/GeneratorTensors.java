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
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The generator among the tensors of a checkpoint. Checkpoints of DiT's, SiT's, REPA's and
 * LightningDiT's training have it twice, in the dictionaries {@code model} and {@code ema}; names
 * may have the prefix {@code module.}.
 *
 * @param where its dictionary, and the prefix of its names; both are usually empty
 * @param tensors tensors by name, without the prefix
 * @param others other content of the file, with the number of tensors
 * @param average whether these are averaged weights
 * @param note the chosen weights, if there are two sets of them
 */
record GeneratorTensors(
    String where,
    Map<String, StoredTensor> tensors,
    Map<String, Integer> others,
    boolean average,
    Optional<String> note) {
  /**
   * Tensors that identify a kind of network: each such network has them, and no other known one.
   *
   * @param names names of tensors
   * @param of the projects that use them, for messages
   * @param naming what {@code convert --to} calls their names
   */
  record Anchors(List<String> names, String of, String naming) {}

  static final Anchors DIT =
      new Anchors(
          List.of("x_embedder.proj.weight", "final_layer.linear.weight", "t_embedder.mlp.0.weight"),
          "DiT, SiT, REPA and LightningDiT",
          "dit");

  static final Anchors MASKGIT =
      new Anchors(
          List.of("first_layer.0.weight", MaskGitTensors.TABLE, "pos_emb"),
          "Maskgit-pytorch",
          "maskgit");

  static final Anchors HALTON =
      new Anchors(
          List.of("last_norm.mlp.1.weight", MaskGitTensors.TABLE, "cls_emb.weight"),
          "Halton-MaskGIT",
          "maskgit");

  private static final List<Anchors> KNOWN = List.of(DIT, MASKGIT, HALTON);

  /** The location of a set of weights: a dictionary and a prefix. */
  private record Place(String dictionary, String prefix, Map<String, StoredTensor> all) {
    boolean average() {
      return Weights.isAverage(dictionary) || Weights.isAverage(prefix);
    }

    private Set<String> names() {
      return all.keySet().stream()
          .filter(name -> name.startsWith(prefix))
          .map(name -> name.substring(prefix.length()))
          .collect(Collectors.toSet());
    }

    /** How many tensors it lacks that another set has, in the modules that are in both. */
    long lacks(Place other) {
      Set<String> own = names();
      Set<String> modules = own.stream().map(Place::module).collect(Collectors.toSet());
      return other.names().stream()
          .filter(name -> modules.contains(module(name)) && !own.contains(name))
          .count();
    }

    private static String module(String name) {
      return name.substring(0, Math.max(0, name.indexOf('.')));
    }

    String title() {
      String names = prefix.isEmpty() ? "" : prefix + "*";
      return dictionary.isEmpty() ? names : dictionary + (names.isEmpty() ? "" : ": " + names);
    }
  }

  /** Whether the file has such a network. */
  static boolean isThere(CheckpointFile file, Anchors anchors) {
    return !places(file, anchors).isEmpty();
  }

  /**
   * Chooses a set of weights.
   *
   * @throws EqvaeException.Argument if there is none of the wanted kind
   */
  static GeneratorTensors of(CheckpointFile file, Weights wanted, Anchors anchors) {
    List<Place> places = places(file, anchors);
    if (places.isEmpty()) {
      requireNoOther(file, anchors);
      throw new EqvaeException.Argument(
          file.path()
              + " holds no known generator: none of its "
              + file.tensors().size()
              + " tensors has the name "
              + anchors.names().getFirst()
              + ", as in "
              + anchors.of());
    }
    Optional<Place> average = places.stream().filter(Place::average).findFirst();
    Optional<Place> trained = places.stream().filter(p -> !p.average()).findFirst();
    if (wanted == Weights.EMA && average.isEmpty() && !file.keepsAverage()) {
      throw new EqvaeException.Argument(
          file.path()
              + " has no averaged weights (no dictionary such as ema); leave out --weights ema");
    }
    if (wanted == Weights.MODEL && trained.isEmpty()) {
      throw new EqvaeException.Argument(
          file.path()
              + " only has averaged weights ("
              + average.orElseThrow().title()
              + "), not those as last trained; leave out --weights model");
    }
    boolean takesAverage =
        average.isPresent()
            && wanted != Weights.MODEL
            && (wanted == Weights.EMA
                || trained.isEmpty()
                || average.get().lacks(trained.get()) == 0);
    Place place = takesAverage ? average.get() : trained.orElseThrow();
    return of(place, note(place, average, trained));
  }

  /** One of the two sets of weights, if the file has it. */
  static Optional<GeneratorTensors> find(CheckpointFile file, boolean average, Anchors anchors) {
    return places(file, anchors).stream()
        .filter(p -> p.average() == average)
        .findFirst()
        .map(p -> of(p, Optional.empty()));
  }

  /** A file of another kind of generator is named, with what to do about it. */
  private static void requireNoOther(CheckpointFile file, Anchors wanted) {
    for (Anchors other : KNOWN) {
      if (isThere(file, other)) {
        throw new EqvaeException.Argument(
            "%s has the tensors of %s, not of %s; to convert it: --to %s"
                .formatted(file.path(), other.of(), wanted.of(), other.naming()));
      }
    }
  }

  private static Optional<String> note(
      Place taken, Optional<Place> average, Optional<Place> trained) {
    if (average.isEmpty()) {
      return Optional.empty();
    }
    long lacks = average.get().lacks(taken);
    if (lacks > 0) {
      return Optional.of(
          "took the weights as last trained; their average ("
              + average.get().title()
              + ") lacks tensors: "
              + lacks);
    }
    if (!taken.average()) {
      return Optional.of(
          "took the weights as last trained; the file also has their average ("
              + average.get().title()
              + "): --weights ema uses it");
    }
    return Optional.of(
        "took the averaged weights ("
            + taken.title()
            + ")"
            + (trained.isPresent()
                ? "; the file also has those as last trained: --weights model uses them"
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
                others.merge("tensors " + name.replaceAll("\\..*", ".*"), 1, Integer::sum);
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
