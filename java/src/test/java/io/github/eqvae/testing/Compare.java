package io.github.eqvae.testing;

import io.github.eqvae.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Compares numbers with bounds. An element is right only if {@code |actual − expected| <= bound}
 * holds, so a NaN on either side, or an infinity, is wrong. Counts the wrong elements and shows the
 * first ones and the worst, with its error as a multiple of its bound.
 */
public final class Compare {
  /** Wrong elements that a message lists. */
  private static final int FIRST = 5;

  private Compare() {}

  /**
   * Fails unless every element is within its bound.
   *
   * @param what named in the message
   * @param shape shape of the elements, row-major
   * @param expected the truth
   * @param actual what is tested
   * @param bound one bound per element
   */
  public static void within(
      String what, Shape shape, double[] expected, double[] actual, double[] bound) {
    if (expected.length != actual.length
        || expected.length != bound.length
        || expected.length != shape.elements()) {
      throw new AssertionError(
          "%s: %d elements, expected %d of shape %s with %d bounds"
              .formatted(what, actual.length, expected.length, shape, bound.length));
    }
    int wrong = 0;
    int worst = -1;
    double excess = -1;
    List<String> first = new ArrayList<>();
    for (int i = 0; i < expected.length; i++) {
      double difference = Math.abs(actual[i] - expected[i]);
      if (!(difference <= bound[i])) {
        wrong++;
        double ratio = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference / bound[i];
        if (worst < 0 || ratio > excess || Double.isNaN(ratio)) {
          worst = i;
          excess = ratio;
        }
        if (first.size() < FIRST) {
          first.add(Arrays.toString(index(shape, i)));
        }
      }
    }
    if (wrong > 0) {
      throw new AssertionError(
          ("%s: %d of %d elements are wrong, the first at %s%s; worst at %s: expected %s, actual"
                  + " %s, bound %s, error %.4g times the bound")
              .formatted(
                  what,
                  wrong,
                  expected.length,
                  String.join(", ", first),
                  wrong > FIRST ? ", …" : "",
                  Arrays.toString(index(shape, worst)),
                  expected[worst],
                  actual[worst],
                  bound[worst],
                  excess));
    }
  }

  /**
   * Fails unless every element has the same bits; 0 and −0 differ, NaN is always wrong.
   *
   * @param what named in the message
   * @param shape shape of the elements
   * @param expected the truth
   * @param actual what is tested
   */
  public static void bitwise(String what, Shape shape, double[] expected, double[] actual) {
    within(what, shape, expected, actual, new double[expected.length]);
    for (int i = 0; i < expected.length; i++) {
      if (Double.doubleToRawLongBits(expected[i]) != Double.doubleToRawLongBits(actual[i])) {
        throw new AssertionError(
            what
                + ": element "
                + Arrays.toString(index(shape, i))
                + " is "
                + actual[i]
                + ", expected "
                + expected[i]);
      }
    }
  }

  /**
   * Fails unless every element is within {@code relative} times the largest magnitude expected.
   *
   * @param what named in the message
   * @param shape shape of the elements
   * @param expected the truth
   * @param actual what is tested
   * @param relative the factor
   */
  public static void relative(
      String what, Shape shape, double[] expected, double[] actual, double relative) {
    double[] bound = new double[expected.length];
    Arrays.fill(bound, relative * Math.max(maximum(expected), 1e-300));
    within(what, shape, expected, actual, bound);
  }

  /**
   * The largest magnitude.
   *
   * @param values numbers
   * @return 0 if there are none
   */
  public static double maximum(double[] values) {
    return Arrays.stream(values).map(Math::abs).max().orElse(0);
  }

  private static long[] index(Shape shape, int flat) {
    long[] index = new long[shape.rank()];
    long rest = flat;
    for (int axis = index.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape.dim(axis);
      rest /= shape.dim(axis);
    }
    return index;
  }
}
