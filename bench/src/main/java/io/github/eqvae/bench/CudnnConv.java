package io.github.eqvae.bench;

import static org.bytedeco.cuda.global.cudnn.*;

import io.github.eqvae.op.Conv2d;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdDataAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdFilterAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionFwdAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionStruct;
import org.bytedeco.cuda.cudnn.cudnnFilterStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A convolution by cuDNN: NHWC, weights OHWI as its fast kernels want them, sums in fp32, without
 * bias, the algorithm that its own search finds fastest.
 */
@SuppressWarnings(
    "deprecation") // the interface without graphs, which is enough for one convolution
final class CudnnConv implements Work {
  private final KernelSpec spec;
  private final CudaMemory memory;
  private final cudnnContext context = new cudnnContext();
  private final cudnnTensorStruct xLayout = new cudnnTensorStruct();
  private final cudnnTensorStruct yLayout = new cudnnTensorStruct();
  private final cudnnFilterStruct wLayout = new cudnnFilterStruct();
  private final cudnnConvolutionStruct convolution = new cudnnConvolutionStruct();
  private final FloatPointer one = new FloatPointer(1f);
  private final FloatPointer zero = new FloatPointer(0f);
  private final Pointer x;
  private final Pointer w;
  private final Pointer y;
  private final Pointer workspace;
  private final long workspaceBytes;
  private final int algorithm;
  private final int[] sizes; // n, h, w, c, p, q, o, k

  CudnnConv(KernelSpec spec, String device, String dtype) {
    if (!(spec.op() instanceof Conv2d c) || !device.startsWith("cuda") || c.top() != c.bottom()) {
      throw new IllegalArgumentException(
          "The peer CUDNN makes convolutions with even padding on a GPU: use -p device=cuda and"
              + " another shape");
    }
    CudaMemory.load(KernelPeer.CUDNN, cudnn.class);
    this.spec = spec;
    memory = new CudaMemory(dtype);
    boolean bf16 = memory.isBf16();
    int[] in = ints(spec.inputs().get(0).extents());
    int[] weights = ints(spec.inputs().get(1).extents());
    int k = weights[2];
    int p = (in[1] + 2 * c.top() - k) / c.stride() + 1;
    int q = (in[2] + 2 * c.left() - k) / c.stride() + 1;
    sizes = new int[] {in[0], in[1], in[2], in[3], p, q, weights[0], k};
    int type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    check(cudnnCreate(context));
    check(cudnnCreateTensorDescriptor(xLayout));
    check(cudnnCreateTensorDescriptor(yLayout));
    check(cudnnCreateFilterDescriptor(wLayout));
    check(cudnnCreateConvolutionDescriptor(convolution));
    check(cudnnSetTensor4dDescriptor(xLayout, CUDNN_TENSOR_NHWC, type, in[0], in[3], in[1], in[2]));
    check(cudnnSetTensor4dDescriptor(yLayout, CUDNN_TENSOR_NHWC, type, in[0], sizes[6], p, q));
    check(cudnnSetFilter4dDescriptor(wLayout, type, CUDNN_TENSOR_NHWC, sizes[6], sizes[3], k, k));
    check(
        cudnnSetConvolution2dDescriptor(
            convolution,
            c.top(),
            c.left(),
            c.stride(),
            c.stride(),
            1,
            1,
            CUDNN_CROSS_CORRELATION,
            CUDNN_DATA_FLOAT));
    int math = bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH; // fp32 as it is
    check(cudnnSetConvolutionMathType(convolution, math));
    x = memory.upload(KernelSpec.values(0, (long) in[0] * in[1] * in[2] * in[3]));
    w = memory.upload(turned(KernelSpec.values(1, (long) sizes[6] * in[3] * k * k), in[3], k * k));
    y = memory.upload(KernelSpec.values(3, (long) in[0] * p * q * sizes[6]));
    algorithm = fastest();
    workspaceBytes = workspaceNeeded();
    workspace = memory.allocate(Math.max(1, workspaceBytes));
  }

  private static int[] ints(long[] values) {
    return java.util.Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
  }

  /** {O, I, taps} as {O, taps, I}. */
  private static float[] turned(float[] oihw, int inputs, int taps) {
    float[] out = new float[oihw.length];
    for (int i = 0; i < out.length; i++) {
      int c = i % inputs;
      int tap = i / inputs % taps;
      out[i] = oihw[(i / inputs / taps * inputs + c) * taps + tap];
    }
    return out;
  }

  private static void check(int status) {
    if (status != CUDNN_STATUS_SUCCESS) {
      throw new IllegalStateException("cuDNN: " + cudnnGetErrorString(status).getString());
    }
  }

  private int fastest() {
    IntPointer found = new IntPointer(1);
    return switch (spec.direction()) {
      case FORWARD -> {
        var best = new cudnnConvolutionFwdAlgoPerf_t(1);
        check(
            cudnnFindConvolutionForwardAlgorithm(
                context, xLayout, wLayout, convolution, yLayout, 1, found, best));
        check(cudnnSetConvolutionMathType(convolution, best.mathType()));
        yield best.algo();
      }
      case INPUT_GRADIENT -> {
        var best = new cudnnConvolutionBwdDataAlgoPerf_t(1);
        check(
            cudnnFindConvolutionBackwardDataAlgorithm(
                context, wLayout, yLayout, convolution, xLayout, 1, found, best));
        check(cudnnSetConvolutionMathType(convolution, best.mathType()));
        yield best.algo();
      }
      case WEIGHT_GRADIENT -> {
        var best = new cudnnConvolutionBwdFilterAlgoPerf_t(1);
        check(
            cudnnFindConvolutionBackwardFilterAlgorithm(
                context, xLayout, yLayout, convolution, wLayout, 1, found, best));
        check(cudnnSetConvolutionMathType(convolution, best.mathType()));
        yield best.algo();
      }
      case BACKWARD ->
          throw new IllegalArgumentException("the peer CUDNN computes one gradient at a time");
    };
  }

  private long workspaceNeeded() {
    var bytes = new org.bytedeco.javacpp.SizeTPointer(1);
    check(
        switch (spec.direction()) {
          case FORWARD ->
              cudnnGetConvolutionForwardWorkspaceSize(
                  context, xLayout, wLayout, convolution, yLayout, algorithm, bytes);
          case INPUT_GRADIENT ->
              cudnnGetConvolutionBackwardDataWorkspaceSize(
                  context, wLayout, yLayout, convolution, xLayout, algorithm, bytes);
          default ->
              cudnnGetConvolutionBackwardFilterWorkspaceSize(
                  context, xLayout, yLayout, convolution, wLayout, algorithm, bytes);
        });
    return bytes.get();
  }

  @Override
  public void run() {
    check(
        switch (spec.direction()) {
          case FORWARD -> call(cudnn::cudnnConvolutionForward, xLayout, x, wLayout, w, yLayout, y);
          case INPUT_GRADIENT ->
              call(cudnn::cudnnConvolutionBackwardData, wLayout, w, yLayout, y, xLayout, x);
          default ->
              call(cudnn::cudnnConvolutionBackwardFilter, xLayout, x, yLayout, y, wLayout, w);
        });
    CudaMemory.sync();
  }

  /** Each of cuDNN's three calls: two arrays in, one out, each after its layout. */
  @FunctionalInterface
  private interface Call<A, B, C> {
    int apply(
        cudnnContext context,
        Pointer one,
        A firstLayout,
        Pointer first,
        B secondLayout,
        Pointer second,
        cudnnConvolutionStruct convolution,
        int algorithm,
        Pointer workspace,
        long workspaceBytes,
        Pointer zero,
        C resultLayout,
        Pointer result);
  }

  private <A, B, C> int call(
      Call<A, B, C> call,
      A firstLayout,
      Pointer first,
      B secondLayout,
      Pointer second,
      C resultLayout,
      Pointer result) {
    return call.apply(
        context,
        one,
        firstLayout,
        first,
        secondLayout,
        second,
        convolution,
        algorithm,
        workspace,
        workspaceBytes,
        zero,
        resultLayout,
        result);
  }

  @Override
  public float[] result() {
    int filter = sizes[6] * sizes[3] * sizes[7] * sizes[7];
    int count =
        switch (spec.direction()) {
          case FORWARD -> sizes[0] * sizes[4] * sizes[5] * sizes[6];
          case INPUT_GRADIENT -> sizes[0] * sizes[1] * sizes[2] * sizes[3];
          default -> filter;
        };
    Pointer from = spec.isForward() ? y : count == filter ? w : x;
    return memory.download(from, count);
  }

  @Override
  public void close() {
    memory.close();
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroyFilterDescriptor(wLayout);
    cudnnDestroyTensorDescriptor(yLayout);
    cudnnDestroyTensorDescriptor(xLayout);
    cudnnDestroy(context);
  }
}
