package io.github.eqvae.op;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * One input of an operation's case.
 *
 * @param shape its shape
 * @param values how its numbers are drawn; all are exact in single precision
 * @param differentiable whether the operation gives a gradient for it
 * @param layout how it lies in memory
 * @param mutated whether the forward pass writes to it
 * @param dtype what it is made of: of indices and counters; null where that is the device's choice
 */
record In(
    Shape shape,
    Values values,
    boolean differentiable,
    Layout layout,
    boolean mutated,
    @Nullable DType dtype) {
  In(Shape shape, Values values, boolean differentiable, Layout layout, boolean mutated) {
    this(shape, values, differentiable, layout, mutated, null);
  }

  /** How a tensor lies in memory; what a view leaves out is NaN, so reading it shows. */
  enum Layout {
    /** Row-major without gaps. */
    DENSE,
    /** A part of a wider tensor. */
    NARROWED,
    /** Axes in reverse order. */
    PERMUTED,
    /** Nothing: an optional input that is left out. */
    ABSENT
  }

  /** Draws numbers. */
  @FunctionalInterface
  interface Values {
    double[] draw(SplittableRandom random, int count);
  }

  /** A differentiable input, uniform in [−2, 2). */
  static In of(long... shape) {
    return new In(Shape.of(shape), uniform(-2, 2), true, Layout.DENSE, false);
  }

  /** An input without gradient, uniform in [−2, 2). */
  static In constant(long... shape) {
    return new In(Shape.of(shape), uniform(-2, 2), false, Layout.DENSE, false);
  }

  /** An optional input that is left out, with others after it; libtorch gets a 0 in its place. */
  static In absent() {
    return new In(Shape.of(1), uniform(0, 1e-30), false, Layout.ABSENT, false);
  }

  boolean isAbsent() {
    return layout == Layout.ABSENT;
  }

  In with(Values other) {
    return new In(shape, other, differentiable, layout, mutated, dtype);
  }

  In with(Layout other) {
    return new In(shape, values, differentiable, other, mutated, dtype);
  }

  In written() {
    return new In(shape, values, false, layout, true, dtype);
  }

  /** Of a type of its own. */
  In as(DType type) {
    return new In(shape, values, differentiable, layout, mutated, type);
  }

  /** What it is made of where the device computes in that type. */
  DType dtypeOr(DType devices) {
    return dtype == null ? devices : dtype;
  }

  static Values uniform(double low, double high) {
    return (random, count) -> {
      double[] out = new double[count];
      for (int i = 0; i < count; i++) {
        out[i] = (float) random.nextDouble(low, high);
      }
      return out;
    };
  }

  /** Uniform magnitudes, each with either sign. */
  static Values eitherSign(double low, double high) {
    return (random, count) -> {
      double[] out = uniform(low, high).draw(random, count);
      for (int i = 0; i < count; i++) {
        out[i] = random.nextBoolean() ? out[i] : -out[i];
      }
      return out;
    };
  }

  /**
   * Multiples of {@code step} plus {@code offset} around 0, each once, shuffled: no two equal, none
   * near a kink that lies between the multiples.
   */
  static Values grid(double step, double offset) {
    return (random, count) -> {
      double[] out = new double[count];
      for (int i = 0; i < count; i++) {
        int j = random.nextInt(i + 1);
        out[i] = out[j];
        out[j] = (i % 2 == 0 ? i / 2 : -(i + 1) / 2) * step + offset;
      }
      return out;
    };
  }

  /** Integers of small magnitude. */
  static Values integers(int limit) {
    return (random, count) -> {
      double[] out = new double[count];
      for (int i = 0; i < count; i++) {
        out[i] = random.nextInt(-limit, limit + 1);
      }
      return out;
    };
  }

  /** These numbers. */
  static Values exactly(double... numbers) {
    return (random, count) -> numbers.clone();
  }
}
