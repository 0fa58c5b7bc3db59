package io.github.eqvae.model;

/** Weights of convolutions that blur each channel separately. */
final class Windows {
  private Windows() {}

  /** A Gaussian that sums to 1, {@code [channels, channels, side, side]}; other channels get 0. */
  static float[] gaussian(int channels, int side, double sigma) {
    double[] line = new double[side];
    double sum = 0;
    for (int i = 0; i < side; i++) {
      double d = i - (side - 1) / 2.0;
      line[i] = Math.exp(-d * d / (2 * sigma * sigma));
      sum += line[i];
    }
    float[] out = new float[channels * channels * side * side];
    for (int c = 0; c < channels; c++) {
      int at = (c * channels + c) * side * side;
      for (int i = 0; i < side; i++) {
        for (int j = 0; j < side; j++) {
          out[at + i * side + j] = (float) (line[i] * line[j] / (sum * sum));
        }
      }
    }
    return out;
  }
}
