package io.github.eqvae.train.generator;

import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.generator.MaskGitConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How well a network predicts the hidden codes of held-out pictures. The same codes are hidden in
 * each measurement, so that measurements can be compared; the pictures' shares of hidden codes are
 * spread evenly over (0, 1).
 */
final class HeldOutCodes {
  /** The largest number of pictures that are measured. */
  static final int MOST = 512;

  /**
   * The log's name for the accuracy: the share of hidden places whose likeliest code is the right
   * one.
   */
  static final String ACCURACY = "masked_accuracy";

  /** Successive multiples of the golden ratio fill (0, 1) evenly, however many there are. */
  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

  private final MaskGitRecipe recipe;
  private final CodeData data;
  private final MaskDraws draws;

  HeldOutCodes(MaskGitRecipe recipe, CodeData data) {
    this.recipe = recipe;
    this.data = data;
    draws = new MaskDraws(recipe.run().seed(), MaskDraws.VALIDATION, recipe.masking().schedule());
  }

  private static final class Sums {
    private double loss;
    private double all;
    private double maskedLoss;
    private double right;
    private double masked;
  }

  /**
   * Measures.
   *
   * @return {@code loss}, the training loss; the cross-entropy of hidden codes, and the accuracy
   */
  Map<String, Double> measure(CodeSampling network) {
    int[] held = data.heldOut();
    int count = Math.min(MOST, held.length);
    Sums sums = new Sums();
    for (int from = 0; from < count; from += network.rows()) {
      int n = Math.min(network.rows(), count - from);
      add(network, held, from, n, sums);
    }
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("loss", sums.loss / Math.max(1, sums.all));
    values.put(MaskGitTask.MASKED_LOSS, sums.maskedLoss / Math.max(1, sums.masked));
    values.put(ACCURACY, sums.right / Math.max(1, sums.masked));
    return values;
  }

  private void add(CodeSampling network, int[] held, int from, int n, Sums sums) {
    MaskGitConfig c = network.network().config();
    List<CodeSampling.Question> questions = new ArrayList<>();
    List<int[]> codes = new ArrayList<>();
    List<boolean[]> masks = new ArrayList<>();
    for (int i = from; i < from + n; i++) {
      int[] known = new int[c.tokens()];
      data.read(held[i], false, known, 0);
      boolean[] mask = draws.mask(held[i], 0, (i + 1) * GOLDEN % 1, c.tokens());
      codes.add(known.clone());
      masks.add(mask);
      for (int t = 0; t < known.length; t++) {
        known[t] = mask[t] ? c.mask() : known[t];
      }
      questions.add(new CodeSampling.Question(known, data.label(held[i])));
    }
    List<float[]> answers = network.answer(questions);
    for (int i = 0; i < n; i++) {
      for (int t = 0; t < c.tokens(); t++) {
        add(answers.get(i), t, c.codes() + 1, codes.get(i)[t], masks.get(i)[t], sums);
      }
    }
  }

  /** The cross-entropy of a place, plain and with smoothing. */
  private void add(float[] logits, int place, int classes, int code, boolean masked, Sums sums) {
    int from = place * classes;
    double largest = Double.NEGATIVE_INFINITY;
    int best = 0;
    double mean = 0;
    for (int k = 0; k < classes; k++) {
      mean += logits[from + k] / (double) classes;
      if (logits[from + k] > largest) {
        largest = logits[from + k];
        best = k;
      }
    }
    double sum = 0;
    for (int k = 0; k < classes; k++) {
      sum += Math.exp(logits[from + k] - largest);
    }
    double log = largest + Math.log(sum);
    double plain = log - logits[from + code];
    double smoothing = recipe.masking().labelSmoothing();
    if (masked || recipe.masking().tokens() == MaskingRecipe.Tokens.ALL) {
      sums.loss += (1 - smoothing) * plain + smoothing * (log - mean);
      sums.all++;
    }
    if (masked) {
      sums.maskedLoss += plain;
      sums.right += best == code ? 1 : 0;
      sums.masked++;
    }
  }
}
