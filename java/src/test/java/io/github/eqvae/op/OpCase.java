package io.github.eqvae.op;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.testing.TorchOracle;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntFunction;

/**
 * One operation with inputs to try it on, the same composition in libtorch, and the error a
 * single-precision device may make.
 *
 * @param name unique; seeds the numbers
 * @param op the operation
 * @param inputs its inputs
 * @param oracle the same in libtorch
 * @param bound what rounding may cost
 */
record OpCase(String name, Op op, List<In> inputs, TorchOracle.Function oracle, ErrorBound bound) {
  /**
   * Numbers for a case.
   *
   * @param inputs values per input
   * @param seed gradient of the output
   */
  record Sample(double[][] inputs, double[] seed) {
    Sample absolute() {
      double[][] in = new double[inputs.length][];
      for (int i = 0; i < in.length; i++) {
        in[i] = Arrays.stream(inputs[i]).map(Math::abs).toArray();
      }
      return new Sample(in, Arrays.stream(seed).map(Math::abs).toArray());
    }
  }

  Shape output() {
    return output(i -> DType.F32).shape();
  }

  /** Whether the output is bf16 where activations are. */
  boolean storesBf16() {
    return output(i -> OpCases.isActivation(op, i) ? DType.BF16 : DType.F32).dtype() == DType.BF16;
  }

  private Spec output(IntFunction<DType> devices) {
    Spec[] specs = new Spec[inputs.size()];
    for (int i = 0; i < specs.length; i++) {
      In in = inputs.get(i);
      specs[i] = in.isAbsent() ? null : new Spec(in.shape(), in.dtypeOr(devices.apply(i)));
    }
    return op.infer(new Inputs(op, specs)).outputs().getFirst();
  }

  Sample sample() {
    return sample(In.uniform(-1, 1));
  }

  Sample sample(In.Values seeds) {
    SplittableRandom random = new SplittableRandom(name.hashCode());
    double[][] in = new double[inputs.size()][];
    for (int i = 0; i < in.length; i++) {
      in[i] = inputs.get(i).values().draw(random, (int) inputs.get(i).shape().elements());
    }
    return new Sample(in, seeds.draw(random, (int) output().elements()));
  }

  /** The same case with other numbers in every input. */
  OpCase with(In.Values values) {
    return new OpCase(name, op, inputs.stream().map(i -> i.with(values)).toList(), oracle, bound);
  }

  @Override
  public String toString() {
    return name;
  }
}
