package io.github.eqvae.testing;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The comparator itself: whoever tests with it must be able to rely on it. */
class CompareTest {
  private static final int MILLION = 1_000_000;

  private static AssertionError rejected(Shape shape, double[] expected, double[] actual) {
    double[] bound = new double[expected.length];
    Arrays.fill(bound, 1e-3);
    return assertThrows(
        AssertionError.class, () -> Compare.within("x", shape, expected, actual, bound));
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void notANumberAndInfinityAreRejectedOnEitherSide(double bad) {
    double[] good = {1, 2, 3};
    double[] spoiled = {1, bad, 3};
    Shape shape = Shape.of(3);
    rejected(shape, good, spoiled);
    rejected(shape, spoiled, good);
    rejected(shape, spoiled, spoiled);
    assertThrows(
        AssertionError.class,
        () ->
            Compare.within(
                "bound", shape, good, new double[] {1, 9, 3}, new double[] {0, Double.NaN, 0}));
  }

  @Test
  void oneWrongInAMillionIsFoundAndNamed() {
    double[] expected = new double[MILLION];
    double[] actual = new double[MILLION];
    actual[765_432] = 0.002;
    AssertionError error = rejected(Shape.of(1000, 1000), expected, actual);
    assertTrue(error.getMessage().contains("1 of 1000000"), error.getMessage());
    assertTrue(error.getMessage().contains("[765, 432]"), error.getMessage());
  }

  @Test
  void theWorstOfSeveralIsShown() {
    AssertionError error =
        rejected(Shape.of(4), new double[4], new double[] {0.01, 0, 7, Double.MIN_NORMAL});
    assertTrue(error.getMessage().contains("2 of 4"), error.getMessage());
    assertTrue(error.getMessage().contains("the first at [0], [2];"), error.getMessage());
    assertTrue(error.getMessage().contains("worst at [2]"), error.getMessage());
    assertTrue(error.getMessage().endsWith("error 7000 times the bound"), error.getMessage());
  }

  @Test
  void swappedAxesAreRejected() {
    double[] expected = {0, 1, 2, 3, 4, 5};
    double[] transposed = {0, 3, 1, 4, 2, 5};
    rejected(Shape.of(2, 3), expected, transposed);
  }

  @Test
  void differentLengthsAreRejected() {
    rejected(Shape.of(3), new double[3], new double[2]);
    rejected(Shape.of(2), new double[3], new double[3]);
  }

  @Test
  void bitwiseTellsSignedZerosApart() {
    Shape one = Shape.of(1);
    assertThrows(
        AssertionError.class,
        () -> Compare.bitwise("zero", one, new double[] {0.0}, new double[] {-0.0}));
    assertThrows(
        AssertionError.class,
        () -> Compare.bitwise("ulp", one, new double[] {1}, new double[] {Math.nextUp(1.0)}));
    assertDoesNotThrow(() -> Compare.bitwise("same", one, new double[] {1}, new double[] {1}));
  }

  @Test
  void theBoundItselfIsAllowed() {
    assertDoesNotThrow(
        () ->
            Compare.within(
                "edge", Shape.of(1), new double[] {1}, new double[] {1.5}, new double[] {0.5}));
    assertThrows(
        AssertionError.class,
        () ->
            Compare.relative(
                "relative", Shape.of(2), new double[] {1, 100}, new double[] {3, 100}, 0.01));
  }
}
