package io.github.eqvae.bench;

import java.util.List;

/** Arrays one after the other. */
final class Weights {
  private Weights() {}

  static float[] flat(List<float[]> parts) {
    float[] out = new float[parts.stream().mapToInt(p -> p.length).sum()];
    int at = 0;
    for (float[] p : parts) {
      System.arraycopy(p, 0, out, at, p.length);
      at += p.length;
    }
    return out;
  }
}
