package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The autoencoder among the tensors of a checkpoint, under CompVis names.
 *
 * @param naming whose names the file has
 * @param prefix what stands before them there
 * @param levels how many resolutions the names tell of
 * @param tensors by CompVis name
 * @param unexpected what lies among them without being a part of an autoencoder
 * @param others what the checkpoint is known to hold beside, and how many tensors of it
 */
record AutoencoderKeys(
    KeyNaming naming,
    String prefix,
    int levels,
    Map<String, StoredTensor> tensors,
    List<String> unexpected,
    Map<String, Integer> others) {

  /** Tensors that every autoencoder has, under the same name in every naming. */
  private static final List<String> ANCHORS =
      List.of(
          "encoder.conv_in.weight",
          "decoder.conv_out.weight",
          "encoder.conv_out.weight",
          "decoder.conv_in.weight");

  /** Taken first where a file has several. */
  private static final List<String> PREFIXES =
      List.of("", "module.", "first_stage_model.", "vae.", "autoencoder.");

  private static final Pattern LEVEL =
      Pattern.compile("(?:encoder\\.down(?:_blocks)?|decoder\\.up(?:_blocks)?)\\.(\\d{1,4})\\..+");

  private static final int NAMES_SHOWN = 5;

  static AutoencoderKeys of(CheckpointFile file) {
    String prefix = prefix(file);
    Map<String, StoredTensor> inside = new LinkedHashMap<>();
    Map<String, Integer> others = new TreeMap<>();
    file.tensors()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith(prefix)) {
                inside.put(name.substring(prefix.length()), tensor);
              } else {
                others.merge(
                    KeyGroups.of(name).orElse("tensors called " + head(name)), 1, Integer::sum);
              }
            });
    KeyNaming naming = naming(file, inside);
    int levels = levels(inside);
    KeyMap map = new KeyMap(levels);
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    List<String> unexpected = new ArrayList<>();
    inside.forEach(
        (name, tensor) -> {
          Optional<String> ours = map.translate(name, naming, KeyNaming.COMPVIS);
          Optional<String> group = KeyGroups.of(name);
          if (ours.isPresent()) {
            tensors.put(ours.get(), tensor);
          } else if (group.isPresent()) {
            others.merge(group.get(), 1, Integer::sum);
          } else {
            unexpected.add(tensor.toString());
          }
        });
    return new AutoencoderKeys(naming, prefix, levels, tensors, unexpected, others);
  }

  /** The name that a tensor has, or should have, in the file. */
  String nameInFile(String compVis) {
    return prefix
        + new KeyMap(levels).translate(compVis, KeyNaming.COMPVIS, naming).orElse(compVis);
  }

  private static String head(String name) {
    int dot = name.indexOf('.');
    return dot < 0 ? name : name.substring(0, dot) + ".*";
  }

  private static String prefix(CheckpointFile file) {
    TreeSet<String> found = new TreeSet<>();
    for (String anchor : ANCHORS) {
      for (String name : file.tensors().keySet()) {
        String before = name.substring(0, Math.max(0, name.length() - anchor.length()));
        if (name.endsWith(anchor) && (before.isEmpty() || before.endsWith("."))) {
          found.add(before);
        }
      }
    }
    for (String known : PREFIXES) {
      if (found.contains(known)) {
        return known;
      }
    }
    if (found.size() == 1) {
      return found.first();
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
                            + ANCHORS.getFirst()
                            + ", it has "
                            + file.tensors().keySet().stream().limit(NAMES_SHOWN).toList())
            + ". Expected encoder and decoder as CompVis or diffusers name them.");
  }

  /**
   * The naming that knows most names. Names that it does not know and another does would be lost,
   * so such a file is refused.
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
    // With levels out of reach none is too deep.
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
