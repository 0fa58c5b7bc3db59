package io.github.eqvae.bench;

/** Who runs a kernel benchmark. */
public enum KernelPeer {
  /** This library, on the benchmark's device. */
  EQVAE,
  /** libtorch on the processor, in fp32 with {@code channels_last} tensors. */
  TORCH,
  /** cuDNN on a GPU: convolutions, and attention forward with cuBLAS' products. */
  CUDNN,
  /** cuBLAS on a GPU: the products of linear layers only. */
  CUBLAS
}
