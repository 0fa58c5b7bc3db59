package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;

/**
 * MaskGIT's sampling (arXiv 2202.04200): in each step a code is drawn for every place that is still
 * masked, and those the network is surest of are kept. Source: valeoai/Maskgit-pytorch {@code
 * Trainer/vit.py}, {@code sample}. How many are kept is limited by what a picture still lacks, not
 * by what the batch does, so that a picture does not depend on those beside it.
 *
 * @param schedule how many codes a step keeps
 * @param steps of sampling
 * @param guidance away from what the network says without a label, at the last step; it grows from
 *     0 at the first: 3 as published. {@code (1 + w)·labelled − w·unlabelled}
 * @param noise how much Gumbel noise confidences get at the first step; it falls to 0 at the last:
 *     4.5 as published
 * @param sharpness what logits are multiplied with; the reference calls it a temperature
 */
public record MaskedSampler(
    MaskSchedule schedule, int steps, double guidance, double noise, double sharpness) {
  /** What the network says of codes. */
  @FunctionalInterface
  public interface Network {
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
  public interface Draws {
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
  }

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there are fewer than two steps or a number is not finite
   */
  public MaskedSampler {
    if (steps < 2
        || !Double.isFinite(guidance)
        || !(noise >= 0 && Double.isFinite(noise))
        || !(sharpness > 0 && Double.isFinite(sharpness))) {
      throw new EqvaeException.Argument(
          "MaskGIT's sampler needs at least 2 steps, finite guidance, noise of at least 0 and a"
              + " sharpness above 0; got %d, %s, %s and %s"
                  .formatted(steps, guidance, noise, sharpness));
    }
  }

  /**
   * The reference's defaults: 12 steps, arccos, guidance 3, noise 4.5.
   *
   * @return the sampler
   */
  public static MaskedSampler published() {
    return new MaskedSampler(MaskSchedule.ARCCOS, 12, 3, 4.5, 1);
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
  public int[] sample(
      Network network, int[] start, int mask, Draws draws, ObjIntConsumer<int[]> trace) {
    int[] codes = start.clone();
    // A mask may be drawn as a code: it is kept then, as in the reference, and replaced at the end.
    boolean[] open = new boolean[codes.length];
    int left = 0;
    for (int i = 0; i < codes.length; i++) {
      open[i] = codes[i] == mask;
      left += open[i] ? 1 : 0;
    }
    int[] counts = schedule.counts(codes.length, steps);
    for (int step = 0; step < steps && left > 0; step++) {
      int kept = Math.min(counts[step], left);
      step(network, codes, open, kept, step, draws);
      left -= kept;
      trace.accept(codes.clone(), step);
    }
    for (int i = 0; i < codes.length; i++) {
      codes[i] = Math.clamp(codes[i], 0, mask - 1);
    }
    return codes;
  }

  private void step(Network network, int[] codes, boolean[] open, int kept, int step, Draws draws) {
    double part = step / (double) (steps - 1);
    float[] logits = guided(network, codes, guidance * part);
    int classes = logits.length / codes.length;
    int[] drawn = new int[codes.length];
    double[] confidence = new double[codes.length];
    for (int i = 0; i < codes.length; i++) {
      if (open[i]) {
        float[] p = softmax(logits, i * classes, classes);
        drawn[i] = draws.code(step, i, p);
        confidence[i] = (float) Math.log(p[drawn[i]]);
        confidence[i] += noise * draws.gumbel(step, i) * (1 - part);
      }
    }
    IntStream.range(0, codes.length)
        .filter(i -> open[i])
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> -confidence[i]))
        .limit(kept)
        .forEach(
            i -> {
              codes[i] = drawn[i];
              open[i] = false;
            });
  }

  private float[] guided(Network network, int[] codes, double weight) {
    float[] with = network.logits(codes.clone(), true);
    if (guidance == 0) {
      return with;
    }
    float[] without = network.logits(codes.clone(), false);
    float[] out = new float[with.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) ((1 + weight) * with[i] - weight * without[i]);
    }
    return out;
  }

  private float[] softmax(float[] logits, int from, int count) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < count; k++) {
      largest = Math.max(largest, logits[from + k] * sharpness);
    }
    double[] e = new double[count];
    for (int k = 0; k < count; k++) {
      e[k] = Math.exp(logits[from + k] * sharpness - largest);
    }
    double sum = Arrays.stream(e).sum();
    float[] p = new float[count];
    for (int k = 0; k < count; k++) {
      p[k] = (float) (e[k] / sum);
    }
    return p;
  }
}
