package io.github.eqvae.bench;

/** Which results of an operation are computed. */
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
