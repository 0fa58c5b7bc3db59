package io.github.eqvae.jobs;

import io.github.eqvae.io.NameSet;

/**
 * The keys of images in tar archives. WebDataset splits names at the first dot after the last
 * slash, so a key has no dot there. Keys are unique in a folder of latents. They depend only on the
 * images and their order.
 */
final class SampleKeys {
  private final NameSet taken = new NameSet();

  /**
   * Converts a name to a key: {@code a/b.v1.jpg} becomes {@code a/b_v1}. Characters that tar
   * readers may not support become underscores.
   */
  static String plain(String name) {
    int slash = name.lastIndexOf('/') + 1;
    int dot = name.lastIndexOf('.');
    String stem = dot > slash ? name.substring(0, dot) : name;
    StringBuilder key = new StringBuilder();
    // WebDataset ignores __x__/…, and tar readers may refuse ./ and ../
    if (stem.matches("(?s)(__[^/]*__|\\.{1,2})/.*") || stem.startsWith("/")) {
      key.append('-');
      slash++;
    }
    stem.codePoints()
        .map(
            c ->
                Character.isISOControl(c)
                        || c == '\\'
                        || Character.getType(c) == Character.SURROGATE
                    ? '_'
                    : c)
        .forEach(key::appendCodePoint);
    for (int i = slash; i < key.length(); i++) {
      if (key.charAt(i) == '.') {
        key.setCharAt(i, '_');
      }
    }
    return key.toString();
  }

  /**
   * The key of the next image.
   *
   * @param name its name
   * @return its plain key, with a number appended if another image already has that key
   */
  String next(String name) {
    String plain = plain(name);
    String key = plain;
    for (int n = 2; !taken.add(key); n++) {
      key = plain + "-" + n;
    }
    return key;
  }
}
