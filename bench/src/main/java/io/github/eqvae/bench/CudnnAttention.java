package io.github.eqvae.bench;

import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F;
import static org.bytedeco.cuda.global.cublas.CUBLAS_GEMM_DEFAULT;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cublas.CUBLAS_STATUS_SUCCESS;
import static org.bytedeco.cuda.global.cublas.cublasCreate_v2;
import static org.bytedeco.cuda.global.cublas.cublasDestroy_v2;
import static org.bytedeco.cuda.global.cublas.cublasGemmStridedBatchedEx;
import static org.bytedeco.cuda.global.cudart.CUDA_R_16BF;
import static org.bytedeco.cuda.global.cudart.CUDA_R_32F;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DATA_BFLOAT16;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DATA_FLOAT;
import static org.bytedeco.cuda.global.cudnn.CUDNN_SOFTMAX_ACCURATE;
import static org.bytedeco.cuda.global.cudnn.CUDNN_SOFTMAX_MODE_CHANNEL;
import static org.bytedeco.cuda.global.cudnn.CUDNN_STATUS_SUCCESS;
import static org.bytedeco.cuda.global.cudnn.CUDNN_TENSOR_NCHW;
import static org.bytedeco.cuda.global.cudnn.cudnnCreate;
import static org.bytedeco.cuda.global.cudnn.cudnnCreateTensorDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroy;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroyTensorDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnSetTensor4dDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnSoftmaxForward;

import io.github.eqvae.tensor.Shape;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Attention of one head, forward, by cuBLAS's products with cuDNN's softmax between them: scores
 * are kept in memory, as here. cuBLAS is column-major, so it sees the transpose of each matrix.
 */
final class CudnnAttention implements Work {
  private final CudaMemory memory;
  private final cublasContext products = new cublasContext();
  private final cudnnContext context = new cudnnContext();
  private final cudnnTensorStruct rows = new cudnnTensorStruct();
  private final FloatPointer one = new FloatPointer(1f);
  private final FloatPointer zero = new FloatPointer(0f);
  private final FloatPointer scale;
  private final int batch;
  private final int tokens;
  private final int channels;
  private final Pointer q;
  private final Pointer k;
  private final Pointer v;
  private final Pointer scores;
  private final Pointer y;
  private final int type;

  CudnnAttention(KernelSpec spec, String device, String dtype) {
    if (!device.startsWith("cuda") || spec.direction() != KernelDirection.FORWARD) {
      throw new IllegalArgumentException(
          "The peer CUDNN makes attention forward on a GPU: use -p device=cuda -p"
              + " direction=FORWARD");
    }
    CudaMemory.load(KernelPeer.CUDNN, cudnn.class);
    CudaMemory.load(KernelPeer.CUDNN, cublas.class);
    memory = new CudaMemory(dtype);
    type = memory.isBf16() ? CUDA_R_16BF : CUDA_R_32F;
    Shape shape = spec.inputs().get(0);
    batch = shape.size(0);
    tokens = shape.size(1);
    channels = shape.size(2);
    scale = new FloatPointer((float) (1 / Math.sqrt(channels)));
    q = memory.upload(KernelSpec.values(0, shape.elements()));
    k = memory.upload(KernelSpec.values(1, shape.elements()));
    v = memory.upload(KernelSpec.values(2, shape.elements()));
    y = memory.upload(new float[Math.toIntExact(shape.elements())]);
    long bytes = memory.isBf16() ? Short.BYTES : Float.BYTES;
    scores = memory.allocate((long) batch * tokens * tokens * bytes);
    check(cublasCreate_v2(products), CUBLAS_STATUS_SUCCESS);
    check(cudnnCreate(context), CUDNN_STATUS_SUCCESS);
    check(cudnnCreateTensorDescriptor(rows), CUDNN_STATUS_SUCCESS);
    check(
        cudnnSetTensor4dDescriptor(
            rows,
            CUDNN_TENSOR_NCHW,
            memory.isBf16() ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT,
            batch * tokens,
            tokens,
            1,
            1),
        CUDNN_STATUS_SUCCESS);
  }

  private static void check(int status, int success) {
    if (status != success) {
      throw new IllegalStateException("cuBLAS or cuDNN: error " + status);
    }
  }

  /**
   * C = factor·A·B for each image, with columns of {@code m} numbers in C, {@code tokens} of them.
   */
  private void product(
      int turn, int m, int sum, FloatPointer factor, Pointer a, Pointer b, Pointer c) {
    check(
        cublasGemmStridedBatchedEx(
            products,
            turn,
            CUBLAS_OP_N,
            m,
            tokens,
            sum,
            factor,
            a,
            type,
            channels,
            (long) tokens * channels,
            b,
            type,
            sum,
            (long) tokens * sum,
            zero,
            c,
            type,
            m,
            (long) tokens * m,
            batch,
            CUBLAS_COMPUTE_32F,
            CUBLAS_GEMM_DEFAULT),
        CUBLAS_STATUS_SUCCESS);
  }

  @Override
  public void run() {
    product(CUBLAS_OP_T, tokens, channels, scale, k, q, scores); // q·kᵀ
    check(
        cudnnSoftmaxForward(
            context,
            CUDNN_SOFTMAX_ACCURATE,
            CUDNN_SOFTMAX_MODE_CHANNEL,
            one,
            rows,
            scores,
            zero,
            rows,
            scores),
        CUDNN_STATUS_SUCCESS);
    product(CUBLAS_OP_N, channels, tokens, one, v, scores, y); // softmax·v
    CudaMemory.sync();
  }

  @Override
  public float[] result() {
    return memory.download(y, batch * tokens * channels);
  }

  @Override
  public void close() {
    memory.close();
    cudnnDestroyTensorDescriptor(rows);
    cudnnDestroy(context);
    cublasDestroy_v2(products);
  }
}
