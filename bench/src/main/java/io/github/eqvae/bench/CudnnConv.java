package io.github.eqvae.bench;

import static org.bytedeco.cuda.global.cudart.cudaDeviceSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaFree;
import static org.bytedeco.cuda.global.cudart.cudaMalloc;
import static org.bytedeco.cuda.global.cudart.cudaMemcpy;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyDeviceToHost;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyHostToDevice;
import static org.bytedeco.cuda.global.cudnn.*;

import io.github.eqvae.op.Conv2d;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdDataAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdFilterAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionFwdAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionStruct;
import org.bytedeco.cuda.cudnn.cudnnFilterStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/**
 * A convolution by cuDNN: NHWC, weights OHWI as its fast kernels want them, sums in fp32, without
 * bias, the algorithm that its own search finds fastest.
 */
@SuppressWarnings(
    "deprecation") // the interface without graphs, which is enough for one convolution
final class CudnnConv implements Work {
  private final KernelSpec spec;
  private final boolean bf16;
  private final List<Pointer> memory = new ArrayList<>();
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
    load();
    this.spec = spec;
    bf16 = dtype.equals("bf16");
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
    x = upload(KernelSpec.values(0, (long) in[0] * in[1] * in[2] * in[3]));
    w = upload(turned(KernelSpec.values(1, (long) sizes[6] * in[3] * k * k), in[3], k * k));
    y = upload(KernelSpec.values(3, (long) in[0] * p * q * sizes[6]));
    algorithm = fastest();
    workspaceBytes = workspaceNeeded();
    workspace = allocate(Math.max(1, workspaceBytes));
  }

  /** With what to do where the library is not there. */
  private static void load() {
    try {
      Loader.load(org.bytedeco.cuda.global.cudart.class);
      Loader.load(org.bytedeco.cuda.global.cudnn.class);
    } catch (LinkageError e) {
      throw new IllegalStateException(
          "The peer CUDNN needs CUDA 13, cuDNN 9 and their Java binding, which were not found ("
              + e.getMessage()
              + "). Install both and set EQVAE_BENCH_MAVEN=-Pcudnn for bench/run, which adds the"
              + " binding's native part",
          e);
    }
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

  private Pointer allocate(long bytes) {
    Pointer p = new Pointer();
    if (cudaMalloc(p, bytes) != 0) {
      throw new IllegalStateException("no " + bytes + " bytes on the GPU for the peer CUDNN");
    }
    memory.add(p);
    return p;
  }

  private Pointer upload(float[] values) {
    int width = bf16 ? Short.BYTES : Float.BYTES;
    Pointer p = allocate((long) values.length * width);
    Pointer host;
    if (bf16) {
      short[] rounded = new short[values.length];
      for (int i = 0; i < rounded.length; i++) {
        int bits = Float.floatToRawIntBits(values[i]);
        rounded[i] = (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
      }
      host = new ShortPointer(rounded);
    } else {
      host = new FloatPointer(values);
    }
    cudaMemcpy(p, host, (long) values.length * width, cudaMemcpyHostToDevice);
    host.close();
    return p;
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
          case FORWARD ->
              cudnnConvolutionForward(
                  context,
                  one,
                  xLayout,
                  x,
                  wLayout,
                  w,
                  convolution,
                  algorithm,
                  workspace,
                  workspaceBytes,
                  zero,
                  yLayout,
                  y);
          case INPUT_GRADIENT ->
              cudnnConvolutionBackwardData(
                  context,
                  one,
                  wLayout,
                  w,
                  yLayout,
                  y,
                  convolution,
                  algorithm,
                  workspace,
                  workspaceBytes,
                  zero,
                  xLayout,
                  x);
          default ->
              cudnnConvolutionBackwardFilter(
                  context,
                  one,
                  xLayout,
                  x,
                  yLayout,
                  y,
                  convolution,
                  algorithm,
                  workspace,
                  workspaceBytes,
                  zero,
                  wLayout,
                  w);
        });
    cudaDeviceSynchronize();
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
    float[] out = new float[count];
    if (bf16) {
      try (ShortPointer host = new ShortPointer(count)) {
        cudaMemcpy(host, from, 2L * count, cudaMemcpyDeviceToHost);
        for (int i = 0; i < count; i++) {
          out[i] = Float.intBitsToFloat(host.get(i) << 16);
        }
      }
    } else {
      try (FloatPointer host = new FloatPointer(count)) {
        cudaMemcpy(host, from, 4L * count, cudaMemcpyDeviceToHost);
        host.get(out);
      }
    }
    return out;
  }

  @Override
  public void close() {
    memory.forEach(p -> cudaFree(p));
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroyFilterDescriptor(wLayout);
    cudnnDestroyTensorDescriptor(yLayout);
    cudnnDestroyTensorDescriptor(xLayout);
    cudnnDestroy(context);
  }
}
