package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The Inception score (Salimans et al. 2016, arXiv 1606.03498): {@code exp(E[KL(p(y|x) ‖ p(y))])},
 * averaged over parts of the images. Logits are added in the order of the images and not stored.
 *
 * <p>{@link #parts} divides as openai/guided-diffusion {@code evaluator.py} does: consecutive parts
 * of {@value #ADM_PART} images; a shorter last part has the same weight as the others. For each
 * part {@code Σ p·ln p} and, per class, {@code Σ p} are summed in double precision.
 */
public final class InceptionScore {
  /** Images in a part in the reference. */
  public static final int ADM_PART = 5000;

  private final int classes;
  private final int part;
  private final List<Double> scores = new ArrayList<>();
  private final double[] marginal;
  private double negativeEntropy; // Σ over images and classes of p·ln p
  private int count; // images in the current part
  private long all;

  private InceptionScore(int classes, int part) {
    if (classes < 2 || part < 1) {
      throw new EqvaeException.Argument(
          "An Inception score needs at least 2 classes and 1 image in a part, got %d and %d"
              .formatted(classes, part));
    }
    this.classes = classes;
    this.part = part;
    marginal = new double[classes];
  }

  /**
   * A score over consecutive parts.
   *
   * @param classes number of classes
   * @param images images in a part
   * @return the score without any images
   */
  public static InceptionScore parts(int classes, int images) {
    return new InceptionScore(classes, images);
  }

  /**
   * Adds images.
   *
   * @param logits {@code [n, classes]}, row-major
   */
  public void add(double[] logits) {
    if (logits.length % classes != 0) {
      throw new EqvaeException.Argument(
          logits.length + " logits are not whole images of " + classes + " classes");
    }
    for (int from = 0; from < logits.length; from += classes) {
      addOne(logits, from);
      if (++count == part) {
        endPart();
      }
    }
  }

  private void addOne(double[] logits, int from) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int j = from; j < from + classes; j++) {
      largest = Math.max(largest, logits[j]);
    }
    double sum = 0;
    for (int j = from; j < from + classes; j++) {
      sum += Math.exp(logits[j] - largest);
    }
    double logSum = Math.log(sum);
    for (int j = 0; j < classes; j++) {
      double logP = logits[from + j] - largest - logSum;
      double p = Math.exp(logP);
      marginal[j] += p;
      negativeEntropy += p == 0 ? 0 : p * logP;
    }
    all++;
  }

  private void endPart() {
    double kl = negativeEntropy / count;
    for (double sum : marginal) {
      double p = sum / count;
      kl -= p == 0 ? 0 : p * Math.log(p);
    }
    scores.add(Math.exp(kl));
    Arrays.fill(marginal, 0);
    negativeEntropy = 0;
    count = 0;
  }

  /** The number of images that were added. */
  long count() {
    return all;
  }

  /**
   * The score of everything added so far; images that are added later begin a new part.
   *
   * @return its mean over the parts, and the population standard deviation of the parts
   * @throws IllegalStateException without images
   */
  public MeanDeviation value() {
    if (count > 0) {
      endPart();
    }
    if (scores.isEmpty()) {
      throw new IllegalStateException("an Inception score needs images");
    }
    return MeanDeviation.of(scores.stream().mapToDouble(s -> s).toArray());
  }
}
