package io.github.eqvae.jobs;

import io.github.eqvae.io.NameSet;

/**
 * The keys that images have in tar archives. WebDataset cuts names at the first dot behind the last
 * slash, so a key has no other dot there; and no two images of a folder of latents have one key.
 * Keys are given in the order of the images, and depend on nothing else.
 */
final class SampleKeys {
  private final NameSet taken = new NameSet();

  /**
   * A name as a key: {@code a/b.v1.jpg} is {@code a/b_v1}. What a tar reader could stumble over is
   * an underscore.
   */
  static String plain(String name) {
    int slash = name.lastIndexOf('/') + 1;
    int dot = name.lastIndexOf('.');
    String stem = dot > slash ? name.substring(0, dot) : name;
    StringBuilder key = new StringBuilder();
    // WebDataset passes over __x__/…, and readers over ./ and ../
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
   * @return its plain key, with a number behind it where another image has that
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
