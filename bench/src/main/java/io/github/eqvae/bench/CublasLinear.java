package io.github.eqvae.bench;

import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F;
import static org.bytedeco.cuda.global.cublas.CUBLAS_GEMM_DEFAULT;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cublas.CUBLAS_STATUS_SUCCESS;
import static org.bytedeco.cuda.global.cublas.cublasCreate_v2;
import static org.bytedeco.cuda.global.cublas.cublasDestroy_v2;
import static org.bytedeco.cuda.global.cublas.cublasGemmEx;
import static org.bytedeco.cuda.global.cudart.CUDA_R_16BF;
import static org.bytedeco.cuda.global.cudart.CUDA_R_32F;

import io.github.eqvae.op.Linear;
import io.github.eqvae.tensor.Shape;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The matrix product of a linear layer by cuBLAS: sums in fp32, without bias. cuBLAS is
 * column-major, so it sees the transpose of each matrix.
 */
final class CublasLinear implements Work {
  private final KernelSpec spec;
  private final CudaMemory memory;
  private final cublasContext context = new cublasContext();
  private final FloatPointer one = new FloatPointer(1f);
  private final FloatPointer zero = new FloatPointer(0f);
  private final int rows;
  private final int in;
  private final int out;
  private final Pointer x;
  private final Pointer w;
  private final Pointer y;
  private final int type;

  CublasLinear(KernelSpec spec, String device, String dtype) {
    if (!(spec.op() instanceof Linear) || !device.startsWith("cuda")) {
      throw new IllegalArgumentException(
          "The peer CUBLAS makes the products of linear layers on a GPU: use -p device=cuda");
    }
    CudaMemory.load(KernelPeer.CUBLAS, org.bytedeco.cuda.global.cublas.class);
    this.spec = spec;
    memory = new CudaMemory(dtype);
    type = memory.isBf16() ? CUDA_R_16BF : CUDA_R_32F;
    Shape activations = spec.inputs().get(0);
    rows = activations.size(0);
    in = activations.size(1);
    out = spec.inputs().get(1).size(0);
    check(cublasCreate_v2(context));
    x = memory.upload(KernelSpec.values(0, (long) rows * in)); // [rows, in]
    w = memory.upload(KernelSpec.values(1, (long) out * in)); // [out, in]
    y = memory.upload(KernelSpec.values(3, (long) rows * out)); // [rows, out], or its gradient
  }

  private static void check(int status) {
    if (status != CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException("cuBLAS: error " + status);
    }
  }

  /** C = A·B with columns of `m` numbers in C and `k` products for each. */
  private void product(
      int turnA,
      int turnB,
      int m,
      int n,
      int k,
      Pointer a,
      int lda,
      Pointer b,
      int ldb,
      Pointer c) {
    check(
        cublasGemmEx(
            context,
            turnA,
            turnB,
            m,
            n,
            k,
            one,
            a,
            type,
            lda,
            b,
            type,
            ldb,
            zero,
            c,
            type,
            m,
            CUBLAS_COMPUTE_32F,
            CUBLAS_GEMM_DEFAULT));
  }

  @Override
  public void run() {
    switch (spec.direction()) {
      case FORWARD -> // y = x·wᵀ
          product(CUBLAS_OP_T, CUBLAS_OP_N, out, rows, in, w, in, x, in, y);
      case INPUT_GRADIENT -> // dx = dy·w
          product(CUBLAS_OP_N, CUBLAS_OP_N, in, rows, out, w, in, y, out, x);
      case WEIGHT_GRADIENT -> // dw = dyᵀ·x
          product(CUBLAS_OP_N, CUBLAS_OP_T, in, out, rows, x, in, y, out, w);
      case BACKWARD ->
          throw new IllegalArgumentException("the peer CUBLAS computes one gradient at a time");
    }
    CudaMemory.sync();
  }

  @Override
  public float[] result() {
    return switch (spec.direction()) {
      case FORWARD -> memory.download(y, rows * out);
      case INPUT_GRADIENT -> memory.download(x, rows * in);
      default -> memory.download(w, out * in);
    };
  }

  @Override
  public void close() {
    memory.close();
    cublasDestroy_v2(context);
  }
}
