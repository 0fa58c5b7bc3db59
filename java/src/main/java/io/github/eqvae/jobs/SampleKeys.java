package io.github.eqvae.jobs;

import java.util.Arrays;

/**
 * The keys that images have in tar archives. WebDataset cuts names at the first dot behind the last
 * slash, so a key has no other dot there; and no two images of a folder of latents have one key.
 * Keys are given in the order of the images, and depend on nothing else.
 */
final class SampleKeys {
  /** Hashes of the keys so far, open addressing; 0 is free. */
  private long[] taken = new long[1024];

  private int count;

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
    for (int n = 2; !add(key); n++) {
      key = plain + "-" + n;
    }
    return key;
  }

  private boolean add(String key) {
    if (2 * count > taken.length) {
      long[] old = taken;
      taken = new long[2 * old.length];
      Arrays.stream(old).filter(h -> h != 0).forEach(h -> taken[place(h)] = h);
    }
    long hash = hash(key);
    int place = place(hash);
    if (taken[place] == hash) {
      return false;
    }
    taken[place] = hash;
    count++;
    return true;
  }

  private int place(long hash) {
    int mask = taken.length - 1;
    int at = (int) (hash >>> 32) & mask;
    while (taken[at] != 0 && taken[at] != hash) {
      at = (at + 1) & mask;
    }
    return at;
  }

  /**
   * FNV-1a of 64 bits; equal hashes of different keys only lead to a number that was not needed.
   */
  private static long hash(String key) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < key.length(); i++) {
      hash = (hash ^ key.charAt(i)) * 0x100000001b3L;
    }
    hash ^= hash >>> 29;
    return hash == 0 ? 1 : hash;
  }
}
