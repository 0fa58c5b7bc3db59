package io.github.eqvae.testing;

import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch as the second opinion: arrays in, composition of torch functions, output and gradients
 * out.
 */
public final class TorchOracle {
  private TorchOracle() {}

  /** A composition of torch functions; images are NHWC, absent inputs do not occur. */
  @FunctionalInterface
  public interface Function {
    /**
     * Applies the function.
     *
     * @param in the inputs
     * @return the output
     */
    Tensor apply(Tensor... in);
  }

  /**
   * What a run gave.
   *
   * @param y the output
   * @param gradients per input; null where none was asked for
   * @param after the inputs after the forward pass
   */
  public record Result(double[] y, double[][] gradients, double[][] after) {}

  /**
   * Runs forward and backward in double.
   *
   * @param f the function
   * @param shapes shape of each input
   * @param inputs values of each input
   * @param differentiable which gradients are wanted
   * @param seed gradient of the output
   * @param outShape the output's expected shape
   * @return output and gradients
   */
  public static Result run(
      Function f,
      List<Shape> shapes,
      double[][] inputs,
      boolean[] differentiable,
      double[] seed,
      Shape outShape) {
    return run(f, shapes, inputs, differentiable, seed, outShape, true);
  }

  /**
   * Runs forward and backward.
   *
   * @param f the function
   * @param shapes shape of each input
   * @param inputs values of each input
   * @param differentiable which gradients are wanted
   * @param seed gradient of the output
   * @param outShape the output's expected shape
   * @param inDouble double precision, else single
   * @return output and gradients
   */
  @SuppressWarnings("try") // the scope frees what is made inside it
  public static Result run(
      Function f,
      List<Shape> shapes,
      double[][] inputs,
      boolean[] differentiable,
      double[] seed,
      Shape outShape,
      boolean inDouble) {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] in = new Tensor[inputs.length];
      boolean any = false;
      for (int i = 0; i < in.length; i++) {
        in[i] = tensor(inputs[i], shapes.get(i), inDouble);
        if (differentiable[i]) {
          in[i].requires_grad_(true);
          any = true;
        }
      }
      Tensor y = f.apply(in);
      if (y.numel() != outShape.elements()) {
        throw new AssertionError("libtorch gives " + y.numel() + " elements, expected " + outShape);
      }
      for (int axis = 0; axis < outShape.rank(); axis++) {
        if (y.size(axis) != outShape.dim(axis)) {
          throw new AssertionError(
              "libtorch gives " + y.size(axis) + " on axis " + axis + ", expected " + outShape);
        }
      }
      double[][] gradients = new double[in.length][];
      double[][] after = new double[in.length][];
      if (any) {
        y.mul(tensor(seed, outShape, inDouble)).sum().backward();
      }
      for (int i = 0; i < in.length; i++) {
        if (differentiable[i]) {
          gradients[i] = values(in[i].grad());
        }
        after[i] = values(in[i].detach());
      }
      return new Result(values(y.detach()), gradients, after);
    }
  }

  /**
   * A tensor of its own memory.
   *
   * @param values row-major
   * @param shape its shape
   * @param inDouble double precision, else single
   * @return the tensor
   */
  public static Tensor tensor(double[] values, Shape shape, boolean inDouble) {
    Tensor t =
        inDouble
            ? Tensor.create(values, shape.extents())
            : Tensor.create(floats(values), shape.extents());
    return shape.rank() == 0 ? t.reshape(new long[0]) : t;
  }

  private static float[] floats(double[] values) {
    float[] out = new float[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) values[i];
    }
    return out;
  }

  /**
   * The elements.
   *
   * @param t any tensor
   * @return its elements, row-major
   */
  public static double[] values(Tensor t) {
    Tensor dense = t.to(torch.ScalarType.Double).contiguous();
    double[] out = new double[(int) dense.numel()];
    new DoublePointer(dense.data_ptr()).get(out);
    return out;
  }

  /**
   * Images from NHWC to NCHW.
   *
   * @param t NHWC
   * @return NCHW
   */
  public static Tensor nchw(Tensor t) {
    return t.permute(0, 3, 1, 2);
  }

  /**
   * Images from NCHW to NHWC.
   *
   * @param t NCHW
   * @return NHWC
   */
  public static Tensor nhwc(Tensor t) {
    return t.permute(0, 2, 3, 1);
  }

  /**
   * An optional argument.
   *
   * @param in the inputs
   * @param i its position
   * @return empty when there are fewer inputs
   */
  public static TensorOptional optional(Tensor[] in, int i) {
    return i < in.length ? new TensorOptional(in[i]) : new TensorOptional();
  }

  /**
   * A number.
   *
   * @param value the number
   * @return the same for torch
   */
  public static Scalar scalar(double value) {
    return new Scalar(value);
  }
}
