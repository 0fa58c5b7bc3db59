package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The autoencoder among the tensors of a checkpoint, under CompVis names.
 *
 * @param naming whose names the file has
 * @param prefix what stands before them there
 * @param levels number of resolutions in the names
 * @param tensors by CompVis name
 * @param unexpected tensors among them that are not part of an autoencoder
 * @param others other known content of the checkpoint, and how many tensors of each kind
 * @param statistics the batch norm of FLUX.2's latents, if there is one
 * @param average whether these are averaged weights
 * @param weightsNote which weights were read, if there are two sets
 */
record AutoencoderKeys(
    KeyNaming naming,
    String prefix,
    int levels,
    Map<String, StoredTensor> tensors,
    List<String> unexpected,
    Map<String, Integer> others,
    Map<String, StoredTensor> statistics,
    boolean average,
    Optional<String> weightsNote) {

  /** Preferred if a file has several. */
  private static final List<String> PREFIXES =
      List.of("", "module.", "first_stage_model.", "vae.", "autoencoder.");

  private static final Pattern LEVEL =
      Pattern.compile("(?:encoder\\.down(?:_blocks)?|decoder\\.up(?:_blocks)?)\\.(\\d{1,4})\\..+");

  /** Whole numbers and truth values, under the names of safetensors and of PyTorch. */
  private static final Pattern WHOLE_NUMBERS =
      Pattern.compile("u?int\\d+|[iu]\\d+|bool", Pattern.CASE_INSENSITIVE);

  /** How names inside the network begin. */
  private static final Pattern PARTS =
      Pattern.compile("(encoder|decoder|quant_conv|post_quant_conv|quantize|bn)\\.");

  private static final int NAMES_SHOWN = 5;

  /** FLUX.2's original file has CompVis' names except for these. */
  private static final Map<String, String> QUANT_CONVS =
      Map.of(
          "encoder.quant_conv.weight", "quant_conv.weight",
          "encoder.quant_conv.bias", "quant_conv.bias",
          "decoder.post_quant_conv.weight", "post_quant_conv.weight",
          "decoder.post_quant_conv.bias", "post_quant_conv.bias");

  static AutoencoderKeys of(CheckpointFile file, Weights wanted) {
    String prefix = prefix(file);
    Map<String, StoredTensor> inside = new LinkedHashMap<>();
    Map<String, Integer> others = new TreeMap<>();
    Map<String, StoredTensor> statistics = new LinkedHashMap<>();
    file.tensors()
        .forEach(
            (name, tensor) -> {
              String own = name.startsWith(prefix) ? name.substring(prefix.length()) : "";
              if (LatentNorm.NAMES.contains(own)) {
                statistics.put(own, tensor);
              } else if (!own.isEmpty()) {
                inside.put(QUANT_CONVS.getOrDefault(own, own), tensor);
              } else {
                others.merge(
                    KeyGroups.of(name).orElse("tensors called " + head(name)), 1, Integer::sum);
              }
            });
    KeyNaming naming = naming(file, inside);
    int levels = levels(inside);
    KeyMap map = new KeyMap(levels);
    List<String> parameters =
        inside.keySet().stream()
            .filter(name -> map.translate(name, naming, KeyNaming.COMPVIS).isPresent())
            .toList();
    AveragedWeights.Choice choice =
        AveragedWeights.choose(file, prefix, inside, parameters, wanted);
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    List<String> unexpected = new ArrayList<>();
    choice
        .tensors()
        .forEach(
            (name, tensor) -> {
              Optional<String> ours = map.translate(name, naming, KeyNaming.COMPVIS);
              Optional<String> group = KeyGroups.of(name);
              if (ours.isPresent()) {
                tensors.put(ours.get(), tensor);
              } else if (group.isPresent()) {
                others.merge(group.get(), 1, Integer::sum);
              } else if (isCounter(name, tensor)) {
                others.merge("counters and flags", 1, Integer::sum);
              } else {
                unexpected.add(tensor.toString());
              }
            });
    if (choice.average() && others.remove(KeyGroups.AVERAGE) != null) {
      others.put("weights as last trained", parameters.size());
    }
    return new AutoencoderKeys(
        naming,
        prefix,
        levels,
        tensors,
        unexpected,
        others,
        statistics,
        choice.average(),
        choice.note());
  }

  /** The name that a tensor has, or should have, in the file. */
  String nameInFile(String compVis) {
    return prefix
        + new KeyMap(levels).translate(compVis, KeyNaming.COMPVIS, naming).orElse(compVis);
  }

  /**
   * Whether a tensor outside the network computes nothing: whole numbers, such as a count of steps,
   * or no numbers at all. A floating-point number may be a factor of the latent.
   */
  private static boolean isCounter(String name, StoredTensor tensor) {
    boolean isEmpty = Arrays.stream(tensor.shape()).anyMatch(extent -> extent == 0);
    return !PARTS.matcher(name).lookingAt()
        && (isEmpty || WHOLE_NUMBERS.matcher(tensor.dtype()).matches());
  }

  private static String head(String name) {
    int dot = name.indexOf('.');
    return dot < 0 ? name : name.substring(0, dot) + ".*";
  }

  private static String prefix(CheckpointFile file) {
    Set<String> found = new TreeSet<>(AutoencoderPrefix.all(file.tensors().keySet()));
    if (!found.stream().allMatch(AveragedWeights::isAverage)) {
      found.removeIf(AveragedWeights::isAverage);
    }
    for (String known : PREFIXES) {
      if (found.contains(known)) {
        return known;
      }
    }
    if (found.size() == 1) {
      return found.iterator().next();
    }
    if (found.size() > 1) {
      throw new EqvaeException.Argument(
          file.path() + " holds several autoencoders, under " + String.join(", ", found));
    }
    throw new EqvaeException.Argument(
        file.path()
            + " holds no autoencoder: "
            + ForeignModel.recognise(file.tensors().keySet())
                .map(model -> "it is " + model)
                .orElseGet(
                    () ->
                        "none of its "
                            + file.tensors().size()
                            + " tensors is called "
                            + AutoencoderPrefix.ANCHORS.getFirst()
                            + ", it has "
                            + file.tensors().keySet().stream().limit(NAMES_SHOWN).toList())
            + ". Expected encoder and decoder as CompVis or diffusers name them.");
  }

  /**
   * The naming that has most of the names. If only another naming has some of the names, these
   * tensors would be lost, so the file is refused.
   */
  private static KeyNaming naming(CheckpointFile file, Map<String, StoredTensor> inside) {
    KeyNaming best = KeyNaming.COMPVIS;
    long most = -1;
    for (KeyNaming naming : KeyNaming.values()) {
      long count = inside.keySet().stream().filter(name -> knows(naming, name)).count();
      if (count > most) {
        best = naming;
        most = count;
      }
    }
    for (KeyNaming other : KeyNaming.values()) {
      for (String name : inside.keySet()) {
        if (knows(other, name) && !knows(best, name)) {
          throw new EqvaeException.Argument(
              file.path()
                  + " mixes namings: most tensors are named as by "
                  + best
                  + ", but "
                  + name
                  + " is a name of "
                  + other
                  + ". Two checkpoints were merged here; take one of them.");
        }
      }
    }
    return best;
  }

  private static boolean knows(KeyNaming naming, String name) {
    // with so many levels no name is too deep
    return new KeyMap(Integer.MAX_VALUE).translate(name, naming, naming).isPresent();
  }

  private static int levels(Map<String, StoredTensor> inside) {
    int levels = 1;
    for (String name : inside.keySet()) {
      Matcher m = LEVEL.matcher(name);
      if (m.matches()) {
        levels = Math.max(levels, Integer.parseInt(m.group(1)) + 1);
      }
    }
    return levels;
  }
}
