package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.Comparator;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;

/**
 * MaskGIT's sampling (arXiv 2202.04200): each step draws a code for every position that is still
 * masked, and keeps those with the highest confidence. Source: valeoai/Maskgit-pytorch {@code
 * Trainer/vit.py}, {@code sample}. The number of kept codes is limited by the masked positions of
 * the picture, not of the batch, so that a picture does not depend on the others in its batch.
 *
 * @param schedule the number of codes that each step keeps
 * @param steps sampling steps
 * @param guidance guidance scale w of {@code (1 + w)·labelled − w·unlabelled} at the last step; it
 *     grows linearly from 0 at the first step; 3 as published
 * @param noise factor of the Gumbel noise that is added to confidences at the first step; it falls
 *     linearly to 0 at the last step; 4.5 as published
 * @param sharpness factor of the logits; the reference calls it a temperature
 * @param redraws whether codes that were kept are drawn again in every step, as valeoai/
 *     Halton-MaskGIT {@code Sampler/confidence_sampler.py} does; that sampler also keeps other
 *     numbers of codes
 */
public record ConfidenceSampler(
    MaskSchedule schedule,
    int steps,
    double guidance,
    double noise,
    double sharpness,
    boolean redraws)
    implements MaskedSampler {
  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there are fewer than two steps or a number is not finite
   */
  public ConfidenceSampler {
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
   * The settings of Maskgit-pytorch's published results: 8 steps, arccos, guidance 3, noise 4.5.
   *
   * @return the sampler
   */
  public static ConfidenceSampler published() {
    return new ConfidenceSampler(MaskSchedule.ARCCOS, 8, 3, 4.5, 1, false);
  }

  @Override
  public void check(int codes) {
    counts(codes);
  }

  private int[] counts(int codes) {
    return redraws ? schedule.totals(codes, steps) : schedule.counts(codes, steps);
  }

  @Override
  public ConfidenceSampler unguided() {
    return new ConfidenceSampler(schedule, steps, 0, noise, sharpness, redraws);
  }

  @Override
  public int[] sample(
      Network network, int[] start, int mask, Draws draws, ObjIntConsumer<int[]> trace) {
    int[] codes = start.clone();
    // the mask may be drawn as a code: as in the reference it is kept, and replaced at the end
    boolean[] open = new boolean[codes.length];
    int left = 0;
    for (int i = 0; i < codes.length; i++) {
      open[i] = codes[i] == mask;
      left += open[i] ? 1 : 0;
    }
    int[] counts = counts(codes.length);
    for (int step = 0; step < steps && (redraws || left > 0); step++) {
      double part = step / (double) (steps - 1);
      float[] logits = CodeOdds.guided(network, codes, guidance != 0, guidance * part);
      if (redraws) {
        keep(codes, open, counts[step], step, part, logits, draws);
        for (int i = 0; i < codes.length; i++) {
          open[i] = codes[i] == mask;
        }
      } else {
        int kept = Math.min(counts[step], left);
        keep(codes, open, kept, step, part, logits, draws);
        left -= kept;
      }
      trace.accept(codes.clone(), step);
    }
    return CodeOdds.withoutMask(codes, mask);
  }

  /**
   * Keeps the drawn codes with the highest confidence. With redraws, positions that were kept
   * before have infinite confidence.
   */
  private void keep(
      int[] codes, boolean[] open, int kept, int step, double part, float[] logits, Draws draws) {
    int classes = logits.length / codes.length;
    int[] drawn = new int[codes.length];
    double[] confidence = new double[codes.length];
    for (int i = 0; i < codes.length; i++) {
      if (open[i] || redraws) {
        float[] p = CodeOdds.softmax(logits, i, classes, sharpness);
        drawn[i] = draws.code(step, i, p);
        confidence[i] = (float) Math.log(p[drawn[i]]);
        confidence[i] += noise * draws.gumbel(step, i) * (1 - part);
        confidence[i] = open[i] ? confidence[i] : Double.POSITIVE_INFINITY;
      }
    }
    int given = redraws ? (int) IntStream.range(0, open.length).filter(i -> !open[i]).count() : 0;
    IntStream.range(0, codes.length)
        .filter(i -> open[i] || redraws)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> -confidence[i]))
        .limit(Math.max(kept, given))
        .forEach(
            i -> {
              codes[i] = drawn[i];
              open[i] = false;
            });
  }
}
