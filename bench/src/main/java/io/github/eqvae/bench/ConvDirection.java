package io.github.eqvae.bench;

/** Which result of a convolution is computed. */
public enum ConvDirection {
  /** The output. */
  FORWARD,
  /** The gradient with respect to the input. */
  INPUT_GRADIENT,
  /** The gradient with respect to the weights. */
  WEIGHT_GRADIENT
}
