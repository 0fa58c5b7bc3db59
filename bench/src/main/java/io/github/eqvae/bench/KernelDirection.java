package io.github.eqvae.bench;

/** What of an operation is computed. */
public enum KernelDirection {
  /** The result. */
  FORWARD,
  /** The gradients of all inputs. */
  BACKWARD,
  /** The gradient of the first input. */
  INPUT_GRADIENT,
  /** The gradient of the weights. */
  WEIGHT_GRADIENT
}
