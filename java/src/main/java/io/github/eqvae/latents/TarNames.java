package io.github.eqvae.latents;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The images' names for the keys of a tar archive: {@code key + ending}, unless the key is listed.
 * Most images of a data set have the same extension, so the list is short.
 *
 * @param ending the most frequent extension, with its dot; empty if there is none
 * @param names names of the other images, by key
 */
public record TarNames(String ending, Map<String, String> names) {
  /** Entries that the index lacks become empty. */
  public TarNames {
    ending = Objects.requireNonNullElse(ending, "");
    names = Objects.requireNonNullElse(names, Map.of());
  }

  /**
   * Finds the extension with the shortest list of other names.
   *
   * @param keys keys of an archive
   * @param names names of its images, in the same order
   * @return the names by key
   */
  public static TarNames of(List<String> keys, List<String> names) {
    Map<String, Integer> count = new HashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      if (names.get(i).startsWith(keys.get(i))) {
        count.merge(names.get(i).substring(keys.get(i).length()), 1, Integer::sum);
      }
    }
    String ending =
        count.entrySet().stream()
            .max(
                Map.Entry.<String, Integer>comparingByValue()
                    .thenComparing(Map.Entry.comparingByKey()))
            .map(Map.Entry::getKey)
            .orElse("");
    Map<String, String> others = new LinkedHashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      if (!names.get(i).equals(keys.get(i) + ending)) {
        others.put(keys.get(i), names.get(i));
      }
    }
    return new TarNames(ending, others);
  }

  /** The name of an image. */
  String of(String key) {
    return names.getOrDefault(key, key + ending);
  }
}
