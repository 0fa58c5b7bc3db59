package io.github.eqvae.op;

/**
 * How an image is resized; the numbers are those of {@code eqv.h}. PyTorch: {@code
 * F.interpolate(align_corners=False)}.
 */
public enum Interpolation {
  /** Two taps per axis, no low-pass filter, as in the released code. */
  BILINEAR,
  /** A triangle, stretched by the scale. */
  BILINEAR_ANTIALIAS,
  /** Four taps per axis (a = −0.75), no low-pass filter. */
  BICUBIC,
  /** A cubic (a = −0.5), stretched by the scale. */
  BICUBIC_ANTIALIAS;

  int code() {
    return ordinal();
  }
}
