package io.github.eqvae.train.recipe;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A setting that differs between two recipes.
 *
 * @param key such as {@code run.steps}
 * @param before its value here
 * @param after its value there
 */
public record SettingChange(String key, String before, String after) {
  /**
   * Compares two recipes of one kind.
   *
   * @param before settings of one, by key
   * @param after those of the other
   * @return the settings that differ, in the order of {@code before}
   */
  public static List<SettingChange> between(Map<String, String> before, Map<String, String> after) {
    return before.entrySet().stream()
        .filter(e -> !e.getValue().equals(after.get(e.getKey())))
        .map(
            e -> new SettingChange(e.getKey(), e.getValue(), String.valueOf(after.get(e.getKey()))))
        .toList();
  }

  /**
   * All settings of a recipe one by one.
   *
   * @param sections values by key, sections as maps
   * @return values as text by whole key, such as {@code run.steps}, in the same order
   */
  public static Map<String, String> flatten(Map<String, ?> sections) {
    Map<String, String> all = new LinkedHashMap<>();
    flatten("", sections, all);
    return all;
  }

  private static void flatten(String prefix, Map<?, ?> map, Map<String, String> out) {
    map.forEach(
        (key, value) -> {
          if (value instanceof Map<?, ?> section) {
            flatten(prefix + key + ".", section, out);
          } else {
            out.put(prefix + key, String.valueOf(value));
          }
        });
  }

  @Override
  public String toString() {
    return key + " " + before + " -> " + after;
  }
}
