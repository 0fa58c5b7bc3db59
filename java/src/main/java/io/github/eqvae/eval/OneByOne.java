package io.github.eqvae.eval;

import java.util.Arrays;

/** Processes images one at a time, because images that are shown may be large. */
final class OneByOne {
  private OneByOne() {}

  /** Work on one image of several. */
  interface Work {
    float[] of(float[] image, int index);
  }

  /** The concatenated results, which all have the same size. */
  static float[] run(float[] x, int n, Work work) {
    int each = x.length / n;
    float[][] results = new float[n][];
    int size = 0;
    for (int i = 0; i < n; i++) {
      results[i] = work.of(image(x, i, each), i);
      size += results[i].length;
    }
    float[] out = new float[size];
    for (int i = 0; i < n; i++) {
      System.arraycopy(results[i], 0, out, i * results[i].length, results[i].length);
    }
    return out;
  }

  static float[] image(float[] batch, int index, int perImage) {
    return Arrays.copyOfRange(batch, index * perImage, (index + 1) * perImage);
  }

  /** Sums the values in their order, in double precision. */
  static double sum(float[] values) {
    double sum = 0;
    for (float v : values) {
      sum += v;
    }
    return sum;
  }
}
