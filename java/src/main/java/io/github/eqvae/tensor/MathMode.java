package io.github.eqvae.tensor;

/**
 * How a stream multiplies matrices of fp32 tensors: in convolutions, linear layers and attention.
 * Everything else is fp32 in each mode. PyTorch: {@code torch.backends.cuda.matmul.allow_tf32} and
 * {@code torch.backends.cudnn.allow_tf32}; on a processor {@code
 * torch.set_float32_matmul_precision("medium")}.
 */
public enum MathMode {
  /** In single precision. */
  FP32,
  /**
   * On tensor cores: each factor is rounded to 10 bits of mantissa, with the exponent range of a
   * float; sums are in single precision. {@code cuda} only.
   */
  TF32,
  /**
   * On a processor: each factor is rounded to bf16, which has 7 bits of mantissa and the exponent
   * range of a float; sums are in single precision. {@code cpu} only. Where the processor has no
   * such products they are emulated: correct, but slower than in single precision.
   */
  BF16
}
