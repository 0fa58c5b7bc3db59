package io.github.eqvae.bench;

import io.github.eqvae.op.Attention;
import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a kernel benchmark measures.
 *
 * @param op the operation
 * @param inputs shapes of its inputs
 * @param activations how many of them, from the first on, are activations and not parameters
 * @param direction what is computed
 */
record KernelSpec(Op op, List<Shape> inputs, int activations, KernelDirection direction) {
  /** Reads {@code 16-256-128}. */
  static int[] numbers(String shape, int count) {
    int[] out = Arrays.stream(shape.split("-")).mapToInt(Integer::parseInt).toArray();
    if (out.length != count) {
      throw new IllegalArgumentException(shape + ": expected " + count + " numbers");
    }
    return out;
  }

  boolean isForward() {
    return direction == KernelDirection.FORWARD;
  }

  /** Which inputs' gradients are asked for. */
  int[] wanted() {
    return switch (direction) {
      case FORWARD -> new int[0];
      case BACKWARD -> IntStream.range(0, inputs.size()).toArray();
      case INPUT_GRADIENT -> new int[] {0};
      case WEIGHT_GRADIENT -> new int[] {1};
    };
  }

  /** The numbers of an input, the same for every peer; those after the last are the gradient's. */
  static float[] values(int input, long count) {
    return Numbers.uniform(10 + input, count);
  }

  Work work(String device, String dtype, KernelPeer peer) {
    return switch (peer) {
      case EQVAE -> new EqvaeKernel(this, device, dtype);
      case TORCH -> new TorchKernel(this, device, dtype);
      case CUDNN ->
          op instanceof Attention
              ? new CudnnAttention(this, device, dtype)
              : new CudnnConv(this, device, dtype);
      case CUBLAS -> new CublasLinear(this, device, dtype);
    };
  }
}
