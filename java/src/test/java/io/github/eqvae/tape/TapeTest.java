package io.github.eqvae.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Affine;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Permute;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.op.Scale;
import io.github.eqvae.op.Silu;
import io.github.eqvae.op.Sum;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.DeviceFixture;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Gradients through graphs of operations, on the reference in double precision. */
class TapeTest extends DeviceFixture {
  private Tape tape() {
    return new Tape(stream, arena, Tape.Mode.RECORD);
  }

  TapeTest() {
    super("ref");
  }

  private Tensor tensor(Shape shape, double... values) {
    Tensor t = arena.tensor(shape);
    t.set(stream, values);
    return t;
  }

  private Tensor vector(double... values) {
    return tensor(Shape.of(values.length), values);
  }

  private double[] gradient(Tape tape, Tensor loss, Tensor wrt) {
    return tape.gradients(List.of(tape.seed(loss, 1)), List.of(wrt)).get(wrt).toDoubles(stream);
  }

  @Test
  void partialGradientsOfLeavesAndIntermediateResults() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1, 2));
    Tensor other = tape.watch(vector(5, 5));
    Tensor h = tape.apply(new Scale(3), x);
    Tensor loss = tape.apply(new PixelLoss(PixelLoss.Kind.L2, 1), h, vector(0, 0));
    Map<Tensor, Tensor> g = tape.gradients(List.of(tape.seed(loss, 1)), List.of(h, x, other, loss));
    assertArrayEquals(new double[] {6, 12}, g.get(h).toDoubles(stream), "2h");
    assertArrayEquals(new double[] {18, 36}, g.get(x).toDoubles(stream), "3 · 2h");
    assertArrayEquals(new double[] {0, 0}, g.get(other).toDoubles(stream), "not on the way");
    assertEquals(1, g.get(loss).item(stream));
    assertArrayEquals(new double[] {18, 36}, gradient(tape, loss, x), "the tape stays usable");
  }

  @Test
  void gradientWithRespectToSomethingElseIsAnError() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1));
    Tensor loss = tape.apply(new Sum(1), x);
    Tensor stranger = vector(1);
    var error = assertThrows(EqvaeException.Argument.class, () -> gradient(tape, loss, stranger));
    assertTrue(error.getMessage().contains("neither watched nor computed"), error.getMessage());
  }

  @Test
  void seedOfAnotherShapeIsAnError() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1, 2));
    Tensor y = tape.apply(new Scale(1), x);
    Seed seed = new Seed(y, vector(1, 1, 1));
    assertThrows(EqvaeException.Argument.class, () -> tape.gradients(List.of(seed), List.of(x)));
  }

  @Test
  void severalSeedsAddUp() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1, 2));
    Tensor a = tape.apply(new Sum(2), x);
    Tensor b = tape.apply(new Scale(5), x);
    Map<Tensor, Tensor> g =
        tape.gradients(
            List.of(tape.seed(a, 10), new Seed(b, vector(1, -1)), tape.seed(a, 1)), List.of(x));
    assertArrayEquals(new double[] {27, 17}, g.get(x).toDoubles(stream));
  }

  @Test
  void diamondsAddTheirBranches() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1, -2));
    Tensor h = tape.apply(new Scale(2), x);
    Tensor left = tape.apply(new Scale(3), h);
    Tensor right = tape.apply(new Scale(-5), h);
    Tensor residual = tape.apply(new Add(), tape.apply(new Add(), left, right), h);
    Tensor loss = tape.apply(new Sum(1), tape.apply(new Add(), residual, h));
    double each = 2 * (3 - 5 + 1 + 1);
    assertArrayEquals(new double[] {each, each}, gradient(tape, loss, x));
    assertArrayEquals(new double[] {each, each}, gradient(tape, loss, x), "and again");
  }

  @Test
  void theSameTensorTwice() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(3, 4));
    Tensor loss = tape.apply(new Sum(1), tape.apply(new Add(), x, x));
    assertArrayEquals(new double[] {2, 2}, gradient(tape, loss, x));
    Tensor mixed = tape.apply(new Sum(1), tape.apply(WeightedSum.of(2, 7, -1), x, x, x));
    assertArrayEquals(new double[] {8, 8}, gradient(tape, mixed, x));

    Tensor w = tape.watch(tensor(Shape.of(2, 2), 1, 2, 3, 4));
    Tensor trace = tape.apply(new Sum(1), tape.apply(new Linear(), w, w)); // Σ (W Wᵀ)
    assertArrayEquals(
        new double[] {8, 12, 8, 12}, gradient(tape, trace, w), "2 · column sums in each row");
  }

  @Test
  void detachStopsGradientsAndWatchedConstantsDoNot() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(2));
    Tensor h = tape.apply(new Scale(3), x);
    Tensor loss = tape.apply(new Sum(1), tape.apply(new Add(), h, tape.detach(h)));
    assertArrayEquals(new double[] {3}, gradient(tape, loss, x));
  }

  @Test
  void viewsOfViews() {
    Tape tape = tape();
    Tensor x = tape.watch(tensor(Shape.of(2, 3), 0, 1, 2, 3, 4, 5));
    Tensor turned = tape.apply(Permute.of(1, 0), x); // [3,2]
    Tensor part = tape.apply(new Narrow(0, 1, 2), turned); // columns 1, 2 of x
    Tensor flat = tape.apply(new Reshape(Shape.of(4)), part); // 1 4 2 5
    assertArrayEquals(new double[] {1, 4, 2, 5}, flat.toDoubles(stream));
    Tensor y = tape.apply(new Linear(), flat, tensor(Shape.of(1, 4), 10, 20, 30, 40));
    assertArrayEquals(new double[] {0, 10, 30, 0, 20, 40}, gradient(tape, y, x));
    Tensor both = tape.apply(new Add(), part, part);
    assertArrayEquals(
        new double[] {0, 2, 2, 0, 2, 2}, gradient(tape, tape.apply(new Sum(1), both), x));
  }

  @Test
  void overlappingPartsOfOneTensorAddUp() {
    Tape tape = tape();
    Tensor x = tape.watch(vector(1, 2, 3));
    Tensor a = tape.apply(new Narrow(0, 0, 2), x);
    Tensor b = tape.apply(new Narrow(0, 1, 2), x);
    Tensor loss = tape.apply(new Sum(1), tape.apply(WeightedSum.of(1, 10), a, b));
    assertArrayEquals(new double[] {1, 11, 10}, gradient(tape, loss, x));
  }

  @Test
  void constantsOfAnOperationHaveNoGradient() {
    Tape tape = tape();
    Tensor x = vector(1, 2);
    Tensor scale = tape.watch(vector(3, 4));
    Tensor y = tape.apply(new Sum(1), tape.apply(new ChannelAffine(), x, scale));
    var error = assertThrows(EqvaeException.Unsupported.class, () -> gradient(tape, y, scale));
    assertTrue(error.getMessage().contains("scale"), error.getMessage());

    Tape second = tape();
    Tensor theta = second.watch(tensor(Shape.of(1, 2, 3), 1, 0, 0, 0, 1, 0));
    Tensor image = tensor(Shape.of(1, 1, 2, 1), 1, 2);
    Tensor moved =
        second.apply(
            new Sum(1), second.apply(new Affine(1, 2, Affine.Padding.ZEROS), image, theta));
    assertThrows(EqvaeException.Unsupported.class, () -> gradient(second, moved, theta));
  }

  @Test
  void shapesThatDoNotFitAreNamed() {
    Tape tape = tape();
    var error =
        assertThrows(
            EqvaeException.Argument.class,
            () -> tape.apply(new Add(), vector(1, 2), vector(1, 2, 3)));
    assertEquals("add: b has shape [3], expected [2]", error.getMessage());
  }

  @Test
  void inferenceRecordsNothingAndBlocksFreeTheirInsides() {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor x = tape.watch(tensor(Shape.of(1000), new double[1000]));
    long before = arena.used();
    Tensor y =
        tape.block(
            (t, in) -> t.apply(new Silu(), t.apply(new Scale(2), t.apply(new Silu(), in))), x);
    assertEquals(before + 8192, arena.used(), "only the result (1000 doubles) is left");
    assertThrows(EqvaeException.Argument.class, () -> gradient(tape, y, y));
    tape.releaseAll();
    assertEquals(before, arena.used());
  }

  @Test
  void backwardFreesLargeResultsUnlessKept() {
    Tape tape = tape();
    Leaf p = new Leaf(tensor(Shape.of(1000), new double[1000]), arena.tensor(Shape.of(1000)));
    Tensor a = tape.apply(new Silu(), tape.watch(p));
    Tensor b = tape.keep(tape.apply(new Silu(), a));
    Tensor loss = tape.apply(new Sum(1), b);
    tape.backward(List.of(tape.seed(loss, 1)));
    assertEquals(0, loss.item(stream), "scalars stay readable");
    assertEquals(1000, b.toDoubles(stream).length, "kept");
    var error = assertThrows(EqvaeException.Argument.class, () -> a.toDoubles(stream));
    assertTrue(error.getMessage().contains("keep()"), error.getMessage());
    assertThrows(EqvaeException.Internal.class, () -> arena.release(a), "released twice");
    assertThrows(
        EqvaeException.Internal.class, () -> arena.release(b.alias()), "a view is not released");
    arena.reset();
    var stale = assertThrows(EqvaeException.Argument.class, () -> b.toDoubles(stream));
    assertTrue(stale.getMessage().contains("reset"), stale.getMessage());
  }

  @Test
  void targetsGetTheSumOfTwoBackwardPassesUntilRefreshed() {
    Leaf p = new Leaf(vector(1, 2), arena.tensor(Shape.of(2)));
    p.gradient.fill(stream, 99);
    for (double weight : new double[] {1, 10}) {
      Tape tape = tape();
      Tensor x = tape.watch(p);
      Tensor loss = tape.apply(new PixelLoss(PixelLoss.Kind.L2, 1), x, vector(0, 0));
      tape.backward(List.of(tape.seed(loss, weight)));
    }
    assertArrayEquals(new double[] {22, 44}, p.gradient.toDoubles(stream));
    assertFalse(p.isFresh());
    p.fresh = true;
    Tape tape = tape();
    tape.backward(List.of(tape.seed(tape.apply(new Sum(3), tape.watch(p)), 1)));
    assertArrayEquals(new double[] {3, 3}, p.gradient.toDoubles(stream), "replaced");
  }

  @Test
  void aTargetUsedManyWays() {
    Leaf p = new Leaf(tensor(Shape.of(2, 2), 1, 2, 3, 4), arena.tensor(Shape.of(2, 2)));
    Tape tape = tape();
    Tensor w = tape.watch(p);
    Tensor product = tape.apply(new Linear(), w, w);
    Tensor twice = tape.apply(new Add(), w, w);
    Tensor turned = tape.apply(Permute.of(1, 0), w);
    Tensor row = tape.apply(new Narrow(0, 1, 1), w);
    Tensor sum = tape.apply(WeightedSum.of(1, 100, 1000), product, twice, turned);
    tape.backward(
        List.of(
            tape.seed(tape.apply(new Sum(1), sum), 1),
            tape.seed(tape.apply(new Sum(1e6), row), 1)));
    assertArrayEquals(
        new double[] {1208, 1212, 1_001_208, 1_001_212}, p.gradient.toDoubles(stream));
  }

  /**
   * Each is told once, after its last gradient and before the gradients of earlier operations: its
   * bucket can travel while the pass goes on.
   */
  @ParameterizedTest
  @EnumSource(
      value = Tape.Mode.class,
      names = {"RECORD", "RECOMPUTE"})
  void targetsAreToldWhenTheirGradientIsComplete(Tape.Mode mode) {
    Leaf early = new Leaf(vector(1, 2), arena.tensor(Shape.of(2)));
    Leaf twice = new Leaf(vector(3, 4), arena.tensor(Shape.of(2)));
    Leaf late = new Leaf(vector(5, 6), arena.tensor(Shape.of(2)));
    List<String> told = new ArrayList<>();
    early.onComplete = () -> told.add("early, late is " + late.written());
    twice.onComplete = () -> told.add("twice, late is " + late.written());
    late.onComplete = () -> told.add("late, twice is " + twice.written());
    Tape tape = new Tape(stream, arena, mode);
    Tensor x = tape.block((t, in) -> t.apply(new Add(), in, t.watch(late)), vector(0, 0));
    Tensor y = tape.block((t, in) -> t.apply(new Add(), in, t.watch(twice)), x);
    Tensor z = tape.block((t, in) -> t.apply(new Add(), in, t.watch(early)), y);
    Tensor sum = tape.apply(new Add(), z, tape.watch(twice));
    tape.backward(List.of(tape.seed(tape.apply(new Sum(1), sum), 1)));
    assertEquals(
        List.of(
            "early, late is not written", "twice, late is not written", "late, twice is written"),
        told);
    assertArrayEquals(new double[] {2, 2}, twice.gradient.toDoubles(stream));
  }

  /** A parameter without a store. */
  static final class Leaf implements GradientTarget {
    final Tensor value;
    final Tensor gradient;
    boolean fresh = true;
    Runnable onComplete = () -> {};

    String written() {
      return fresh ? "not written" : "written";
    }

    @Override
    public void completed() {
      onComplete.run();
    }

    Leaf(Tensor value, Tensor gradient) {
      this.value = value;
      this.gradient = gradient;
    }

    @Override
    public Tensor value() {
      return value;
    }

    @Override
    public Tensor gradient() {
      return gradient;
    }

    @Override
    public boolean isFresh() {
      return fresh;
    }

    @Override
    public void markWritten() {
      fresh = false;
    }
  }
}
