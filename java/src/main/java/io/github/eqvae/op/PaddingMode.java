package io.github.eqvae.op;

/** What convolutions see beyond the edges of an image. PyTorch: {@code padding_mode}. */
public enum PaddingMode {
  /** Zeros, as in all published autoencoders. */
  ZEROS,
  /** The image mirrored at the middle of its outermost pixels. */
  REFLECT,
  /** The nearest pixel. */
  REPLICATE
}
