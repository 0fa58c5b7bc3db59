package io.github.eqvae.diffusion;

import java.util.function.ObjIntConsumer;

/**
 * Gives the codes of a picture step by step, some at a time, as a network that knows those given
 * before says: those it is surest of ({@link ConfidenceSampler}, MaskGIT, arXiv 2202.04200) or
 * those of a fixed order ({@link HaltonSampler}, arXiv 2503.17076). It knows no network, no device
 * and no picture. A picture does not depend on those beside it.
 */
public interface MaskedSampler {
  /** What the network says of codes. */
  @FunctionalInterface
  interface Network {
    /**
     * Asks it.
     *
     * @param codes of a picture, the mask where one is not known
     * @param labelled whether it is told the label
     * @return logits, {@code [places, codes + 1]}; the last is the mask's
     */
    float[] logits(int[] codes, boolean labelled);
  }

  /** Where what is drawn comes from: functions of the picture's seed, the step and the place. */
  interface Draws {
    /**
     * Draws a code.
     *
     * @param step of sampling
     * @param place in the picture
     * @param probabilities of each code and the mask
     * @return its number
     */
    int code(int step, int place, float[] probabilities);

    /**
     * Draws a number of Gumbel's distribution.
     *
     * @param step of sampling
     * @param place in the picture
     * @return the number
     */
    double gumbel(int step, int place);

    /**
     * Draws where an order begins.
     *
     * @param places of the picture
     * @return 0 to {@code places} − 1
     */
    int offset(int places);
  }

  /**
   * Samples a picture.
   *
   * @param network what to ask
   * @param start codes that are given, and {@code mask} elsewhere; stays as it is
   * @param mask the code of what is not known, one behind the codebook
   * @param draws what is drawn
   * @param trace is shown the codes after each step, and the step's number from 0
   * @return codes, none of them the mask
   */
  int[] sample(Network network, int[] start, int mask, Draws draws, ObjIntConsumer<int[]> trace);

  /**
   * Insists that a picture can be sampled so.
   *
   * @param codes of the picture
   * @throws io.github.eqvae.EqvaeException.Argument when there are too many steps
   */
  void check(int codes);

  /**
   * Steps of sampling.
   *
   * @return how often the network is asked, twice each time with guidance
   */
  int steps();

  /**
   * How strongly the label counts.
   *
   * @return 0 where the network is not asked without a label
   */
  double guidance();

  /**
   * The same without guidance, for pictures of no class.
   *
   * @return the sampler
   */
  MaskedSampler unguided();
}
