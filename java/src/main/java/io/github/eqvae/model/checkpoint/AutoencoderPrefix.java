package io.github.eqvae.model.checkpoint;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** The prefix of an autoencoder's names in a file, such as {@code first_stage_model.}. */
final class AutoencoderPrefix {
  /** Tensors that every autoencoder has, under the same name in every naming. */
  static final List<String> ANCHORS =
      List.of(
          "encoder.conv_in.weight",
          "decoder.conv_out.weight",
          "encoder.conv_out.weight",
          "decoder.conv_in.weight");

  private AutoencoderPrefix() {}

  /** Whether there is an autoencoder, or a part of one. */
  static boolean isThere(Collection<String> names) {
    return names.stream().anyMatch(name -> ANCHORS.stream().anyMatch(a -> before(name, a) >= 0));
  }

  /** Every prefix under which there is one. */
  static Set<String> all(Collection<String> names) {
    TreeSet<String> found = new TreeSet<>();
    for (String anchor : ANCHORS) {
      for (String name : names) {
        int length = before(name, anchor);
        if (length >= 0) {
          found.add(name.substring(0, length));
        }
      }
    }
    return found;
  }

  private static int before(String name, String anchor) {
    int length = name.length() - anchor.length();
    return name.endsWith(anchor) && (length == 0 || name.charAt(length - 1) == '.') ? length : -1;
  }
}
