package io.github.eqvae.nn;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/**
 * Initial values of a parameter. Random values depend only on the seed and the parameter's name.
 */
public sealed interface Init {
  /**
   * Writes the initial values.
   *
   * @param stream orders the work
   * @param value the parameter
   * @param seed the run's seed
   * @param purpose a number made from the parameter's name
   */
  void apply(Stream stream, Tensor value, long seed, long purpose);

  /**
   * One value everywhere.
   *
   * @param value the value
   */
  record Constant(double value) implements Init {
    @Override
    public void apply(Stream stream, Tensor tensor, long seed, long purpose) {
      tensor.fill(stream, value);
    }
  }

  /**
   * Uniform in ±bound.
   *
   * @param bound half the width
   */
  record Uniform(double bound) implements Init {
    @Override
    public void apply(Stream stream, Tensor tensor, long seed, long purpose) {
      tensor.uniform(stream, seed, purpose, -bound, bound);
    }
  }

  /**
   * Normal.
   *
   * @param mean mean
   * @param std standard deviation
   */
  record Normal(double mean, double std) implements Init {
    @Override
    public void apply(Stream stream, Tensor tensor, long seed, long purpose) {
      tensor.normal(stream, seed, purpose, mean, std);
    }
  }

  /**
   * Computed values, such as a table of positions.
   *
   * @param values row-major
   */
  record Table(double[] values) implements Init {
    @Override
    public void apply(Stream stream, Tensor tensor, long seed, long purpose) {
      tensor.set(stream, values);
    }
  }

  /** All zeros. */
  Init ZEROS = new Constant(0);

  /** All ones. */
  Init ONES = new Constant(1);

  /**
   * Glorot's initialisation: uniform in ±√(6/(inputs + outputs)). PyTorch: {@code
   * nn.init.xavier_uniform_}.
   *
   * @param inputs inputs per output
   * @param outputs outputs per input
   * @return the start
   */
  static Init xavierUniform(long inputs, long outputs) {
    return new Uniform(Math.sqrt(6.0 / (inputs + outputs)));
  }

  /**
   * PyTorch's default for weights and biases of convolutions and linear layers: uniform in
   * ±1/√fan_in.
   *
   * @param fanIn inputs per output
   * @return the start
   */
  static Init torchDefault(long fanIn) {
    return new Uniform(1 / Math.sqrt(fanIn));
  }
}
