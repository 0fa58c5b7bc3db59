package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;

/** Checks and layout conversions for images, latents and codes. */
final class Sizes {
  private Sizes() {}

  static void require(String what, int length, int count, int height, int width, int channels) {
    if (count < 1 || height < 1 || width < 1 || channels < 1) {
      throw new EqvaeException.Argument(
          "%d %s of %d×%d×%d: every number must be at least 1"
              .formatted(count, what, height, width, channels));
    }
    long expected = (long) count * height * width * channels;
    if (expected / count / height / width != channels || expected != length) {
      throw new EqvaeException.Argument(
          "%d %s of %d×%d×%d are %d values, but the array has %d"
              .formatted(count, what, height, width, channels, expected, length));
    }
  }

  /** The beginning of a text that shows sizes: "Latents[2, 32, 32, 4". */
  static String text(String what, int... sizes) {
    String list = java.util.Arrays.toString(sizes);
    return what + list.substring(0, list.length() - 1);
  }

  static int roundUp(int value, int multiple) {
    return Math.toIntExact(((long) value + multiple - 1) / multiple * multiple);
  }

  static float[] toNchw(float[] nhwc, int n, int h, int w, int c) {
    float[] out = new float[nhwc.length];
    int plane = h * w;
    for (int i = 0; i < n; i++) {
      for (int p = 0; p < plane; p++) {
        for (int k = 0; k < c; k++) {
          out[(i * c + k) * plane + p] = nhwc[(i * plane + p) * c + k];
        }
      }
    }
    return out;
  }

  static float[] toNhwc(float[] nchw, int n, int h, int w, int c) {
    float[] out = new float[nchw.length];
    int plane = h * w;
    for (int i = 0; i < n; i++) {
      for (int p = 0; p < plane; p++) {
        for (int k = 0; k < c; k++) {
          out[(i * plane + p) * c + k] = nchw[(i * c + k) * plane + p];
        }
      }
    }
    return out;
  }
}
