package io.github.eqvae.tensor;

/**
 * How a stream multiplies matrices of fp32 tensors: in convolutions, linear layers and attention.
 * Everything else is fp32 in either mode. PyTorch: {@code torch.backends.cuda.matmul.allow_tf32}
 * and {@code torch.backends.cudnn.allow_tf32}.
 */
public enum MathMode {
  /** In single precision. */
  FP32,
  /**
   * On tensor cores: each factor is rounded to 10 bits of mantissa, with the exponent range of a
   * float; sums are in single precision. {@code cuda} only.
   */
  TF32
}
