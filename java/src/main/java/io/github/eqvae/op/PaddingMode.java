package io.github.eqvae.op;

/** How the border of an image is filled for a convolution. PyTorch: {@code padding_mode}. */
public enum PaddingMode {
  /** Zeros, as in all published autoencoders. */
  ZEROS,
  /** The image mirrored at the middle of its outermost pixels. */
  REFLECT,
  /** The nearest pixel. */
  REPLICATE
}
