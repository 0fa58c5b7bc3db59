package io.github.eqvae.diffusion;

import java.util.function.ObjIntConsumer;

/**
 * Samples the codes of a picture in several steps. In each step the network sees the codes that are
 * known, and some of the masked ones are added: those with the highest confidence ({@link
 * ConfidenceSampler}, MaskGIT, arXiv 2202.04200) or the next ones of a fixed order ({@link
 * HaltonSampler}, arXiv 2503.17076). It does not depend on a network's class or a device. A picture
 * does not depend on the others in its batch.
 */
public interface MaskedSampler {
  /** The network's logits for codes. */
  @FunctionalInterface
  interface Network {
    /**
     * Evaluates the network.
     *
     * @param codes codes of a picture, with the mask at unknown positions
     * @param labelled whether it gets the label
     * @return logits, {@code [positions, codes + 1]}; the last column is the mask's
     */
    float[] logits(int[] codes, boolean labelled);
  }

  /** Random draws: functions of the picture's seed, the step and the position. */
  interface Draws {
    /**
     * Draws a code.
     *
     * @param step the sampling step
     * @param place the position in the picture
     * @param probabilities probabilities of each code and the mask
     * @return its number
     */
    int code(int step, int place, float[] probabilities);

    /**
     * Draws a number from the Gumbel distribution.
     *
     * @param step the sampling step
     * @param place the position in the picture
     * @return the number
     */
    double gumbel(int step, int place);

    /**
     * Draws the offset at which an order begins.
     *
     * @param places number of the picture's positions
     * @return 0 to {@code places} − 1
     */
    int offset(int places);
  }

  /**
   * Samples a picture.
   *
   * @param network the network
   * @param start known codes, and {@code mask} elsewhere; not changed
   * @param mask the code for unknown positions: the number of codes in the codebook
   * @param draws random draws
   * @param trace receives the codes after each step, and the step's number from 0
   * @return codes, none of them the mask
   */
  int[] sample(Network network, int[] start, int mask, Draws draws, ObjIntConsumer<int[]> trace);

  /**
   * Checks that the steps suit the number of codes.
   *
   * @param codes number of the picture's codes
   * @throws io.github.eqvae.EqvaeException.Argument when there are too many steps
   */
  void check(int codes);

  /**
   * The number of sampling steps.
   *
   * @return the steps; with guidance each evaluates the network twice
   */
  int steps();

  /**
   * The guidance scale.
   *
   * @return w; 0 if the network is not evaluated without a label
   */
  double guidance();

  /**
   * The same sampler without guidance, for pictures without a class.
   *
   * @return the sampler
   */
  MaskedSampler unguided();
}
