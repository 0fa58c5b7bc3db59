package io.github.eqvae.data;

import io.github.eqvae.io.NameSet;
import java.util.BitSet;
import java.util.Map;

/**
 * The names of an archive's pictures. A name that an earlier archive already has gets this
 * archive's name as a prefix, so that names are unique.
 *
 * @param prefix the archive's path relative to the folder that was opened
 * @param repeated positions of pictures whose names occurred before
 * @param others full names of pictures whose prefixed name occurred before, too
 */
record ArchiveNames(String prefix, BitSet repeated, Map<Integer, String> others) {
  void add(int place, String name, NameSet seen) {
    if (seen.add(name)) {
      return;
    }
    repeated.set(place);
    String longer = prefixed(name);
    for (int n = 2; !seen.add(longer); n++) {
      longer = prefix + "-" + n + "/" + plain(name);
      others.put(place, longer);
    }
  }

  String of(int place, String name) {
    return repeated.get(place) ? others.getOrDefault(place, prefixed(name)) : name;
  }

  private String prefixed(String name) {
    return prefix + "/" + plain(name);
  }

  /** Removes a leading {@code ../} or {@code /}, which would lead out of the archive's folder. */
  private static String plain(String name) {
    return name.replaceFirst("^(\\.{0,2}/+)+", "");
  }
}
