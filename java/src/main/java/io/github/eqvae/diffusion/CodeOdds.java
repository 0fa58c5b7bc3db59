package io.github.eqvae.diffusion;

/** Probabilities of a picture's codes, from a network's logits. */
final class CodeOdds {
  private CodeOdds() {}

  /** Logits with guidance: {@code (1 + w)·labelled − w·unlabelled}. */
  static float[] guided(MaskedSampler.Network network, int[] codes, boolean guided, double weight) {
    float[] with = network.logits(codes.clone(), true);
    if (!guided) {
      return with;
    }
    float[] without = network.logits(codes.clone(), false);
    float[] out = new float[with.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) ((1 + weight) * with[i] - weight * without[i]);
    }
    return out;
  }

  /** The softmax of sharpness · logits at a position. */
  static float[] softmax(float[] logits, int place, int classes, double sharpness) {
    int from = place * classes;
    double largest = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < classes; k++) {
      largest = Math.max(largest, logits[from + k] * sharpness);
    }
    double[] e = new double[classes];
    double sum = 0;
    for (int k = 0; k < classes; k++) {
      e[k] = Math.exp(logits[from + k] * sharpness - largest);
      sum += e[k];
    }
    float[] p = new float[classes];
    for (int k = 0; k < classes; k++) {
      p[k] = (float) (e[k] / sum);
    }
    return p;
  }

  /** Replaces a mask that was drawn as a code by the last code, as in the references. */
  static int[] withoutMask(int[] codes, int mask) {
    int[] out = codes.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] = Math.clamp(out[i], 0, mask - 1);
    }
    return out;
  }
}
