package io.github.eqvae.tensor;

/**
 * Philox4x32-10, the counter-based random number generator of Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3" (SC 2011). A block of four words is a pure function of (seed, block,
 * purpose); there is no state to save. The layout is the one of {@code eqv.h}: key = seed, counter
 * = {block low, block high, purpose low, purpose high}.
 */
public final class Philox {
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final int ROUNDS = 10;
  private static final long LOW = 0xFFFFFFFFL;

  private Philox() {}

  /**
   * One block of random words.
   *
   * @param seed the key
   * @param block the low half of the counter
   * @param purpose the high half of the counter; different purposes give independent numbers
   * @return four words, each uniform over all ints
   */
  public static int[] block(long seed, long block, long purpose) {
    int[] words = new int[4];
    block(seed, block, purpose, words);
    return words;
  }

  /**
   * One block of random words, without allocation.
   *
   * @param seed the key
   * @param block the low half of the counter
   * @param purpose the high half of the counter
   * @param words receives four words at 0..3
   */
  public static void block(long seed, long block, long purpose, int[] words) {
    int key0 = (int) seed;
    int key1 = (int) (seed >>> 32);
    int x0 = (int) block;
    int x1 = (int) (block >>> 32);
    int x2 = (int) purpose;
    int x3 = (int) (purpose >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (x0 & LOW);
      long product1 = MULTIPLIER_1 * (x2 & LOW);
      x0 = (int) (product1 >>> 32) ^ x1 ^ key0;
      x1 = (int) product1;
      x2 = (int) (product0 >>> 32) ^ x3 ^ key1;
      x3 = (int) product0;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    words[0] = x0;
    words[1] = x1;
    words[2] = x2;
    words[3] = x3;
  }

  /**
   * A word as a number strictly between 0 and 1: the middle of its cell of width 2⁻³².
   *
   * @param word a word of a block
   * @return (word + ½)·2⁻³², in (0, 1)
   */
  public static double uniform(int word) {
    return ((word & LOW) + 0.5) * 0x1p-32;
  }

  /**
   * A word as a float in [0, 1), from its upper 24 bits, so that 1 is never reached by rounding.
   *
   * @param word a word of a block
   * @return a multiple of 2⁻²⁴ in [0, 1)
   */
  public static float uniformFloat(int word) {
    return (word >>> 8) * 0x1p-24f;
  }

  /**
   * Two words as one normal number (Box–Muller, the cosine branch).
   *
   * @param radius the word that gives the radius
   * @param angle the word that gives the angle; an independent one
   * @return a draw of mean 0 and standard deviation 1, at most 6.8 in size
   */
  public static double normal(int radius, int angle) {
    return Math.sqrt(-2 * Math.log(uniform(radius))) * Math.cos(2 * Math.PI * uniform(angle));
  }
}
