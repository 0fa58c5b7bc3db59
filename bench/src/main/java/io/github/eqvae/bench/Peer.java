package io.github.eqvae.bench;

/** Who does the work of a benchmark. */
public enum Peer {
  /** This library, device {@code cpu}. */
  EQVAE,
  /** libtorch with NCHW tensors, its default. */
  TORCH_NCHW,
  /** libtorch with {@code channels_last} tensors. */
  TORCH_NHWC;

  /** Whether this is libtorch. */
  boolean isTorch() {
    return this != EQVAE;
  }

  /** Threads of both: what OMP_NUM_THREADS says, else all. */
  static int threads() {
    String wish = System.getenv("OMP_NUM_THREADS");
    return wish == null ? Runtime.getRuntime().availableProcessors() : Integer.parseInt(wish);
  }
}
