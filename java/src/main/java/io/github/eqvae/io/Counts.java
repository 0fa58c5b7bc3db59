package io.github.eqvae.io;

import java.util.Locale;

/** Numbers with their nouns in messages. */
public final class Counts {
  private Counts() {}

  /**
   * A number and what is counted.
   *
   * @param number how many
   * @param noun the singular; its plural ends in s
   * @return such as {@code 1 image} and {@code 2,000 images}
   */
  public static String of(long number, String noun) {
    return String.format(Locale.ROOT, "%,d %s%s", number, noun, number == 1 ? "" : "s");
  }
}
