package io.github.eqvae.io;

import java.util.Arrays;

/**
 * A set of names that keeps only their hashes: 8 to 32 bytes for each. If two names have the same
 * hash, which is unlikely among billions, the second counts as seen.
 */
public final class NameSet {
  /** Hashes so far, open addressing; 0 is free. */
  private long[] taken = new long[1024];

  private int count;

  /** Nothing was seen. */
  public NameSet() {}

  /**
   * Notes a name.
   *
   * @param name the name
   * @return whether it was not there yet
   */
  public boolean add(String name) {
    if (2 * count > taken.length) {
      long[] old = taken;
      taken = new long[2 * old.length];
      Arrays.stream(old).filter(h -> h != 0).forEach(h -> taken[place(h)] = h);
    }
    long hash = hash(name);
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

  /** FNV-1a of 64 bits. */
  private static long hash(String key) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < key.length(); i++) {
      hash = (hash ^ key.charAt(i)) * 0x100000001b3L;
    }
    hash ^= hash >>> 29;
    return hash == 0 ? 1 : hash;
  }
}
