package io.github.eqvae.equivariance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.Interpolation;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TransformSamplerTest {
  private static final int DRAWS = 24_000;

  private static EqOptions options(
      EqOptions.Scaling scaling,
      EqOptions.ScaleSet set,
      List<Integer> rotations,
      EqOptions.Flips flips,
      EqOptions.DrawPer per) {
    return new EqOptions(
        0.5,
        0.25,
        scaling,
        set,
        0.25,
        1,
        rotations,
        flips,
        Interpolation.BILINEAR,
        per,
        EqOptions.Regularizer.IMPLICIT,
        0.1,
        false);
  }

  private static List<Draw> draws(EqOptions options) {
    TransformSampler sampler = new TransformSampler(options);
    return java.util.stream.IntStream.range(0, DRAWS)
        .mapToObj(i -> sampler.draw(9, i, 1).getFirst())
        .toList();
  }

  /** Counts must lie within five standard deviations of their expectation. */
  private static void assertShare(double expected, long count, String what) {
    double deviation = Math.sqrt(DRAWS * expected * (1 - expected));
    assertEquals(DRAWS * expected, count, 5 * deviation + 0.5, what);
  }

  @Test
  void releasedDefaultsAreTheReleasedDistribution() {
    Map<Draw.Branch, Long> branches = new TreeMap<>();
    Map<Integer, Long> turns = new TreeMap<>();
    Map<Double, Long> scales = new TreeMap<>();
    for (Draw d : draws(EqOptions.RELEASED)) {
      branches.merge(d.branch(), 1L, Long::sum);
      SpatialTransform tau = d.transform();
      assertEquals(tau.scaleHeight(), tau.scaleWidth());
      if (d.branch() == Draw.Branch.EQUIVARIANT) {
        turns.merge(tau.quarterTurns(), 1L, Long::sum);
        scales.merge(tau.scaleHeight(), 1L, Long::sum);
      } else {
        assertEquals(0, tau.quarterTurns());
      }
    }
    assertShare(0.5, branches.get(Draw.Branch.EQUIVARIANT), "equivariant");
    assertShare(0.125, branches.get(Draw.Branch.LOW_RESOLUTION), "low resolution");
    assertEquals(Set.of(1, 2, 3), turns.keySet());
    turns.values().forEach(n -> assertShare(0.5 / 3, n, "turns"));
    assertEquals(24, scales.size());
    scales.forEach((s, n) -> assertShare(0.5 / 24, n, "scale " + s));
    assertEquals(8 / 32.0, scales.keySet().iterator().next());
    assertEquals(31 / 32.0, ((TreeMap<Double, Long>) scales).lastKey());
  }

  @Test
  void shiftsAndBlendingAreDrawnBesideTheRest() {
    EqOptions d = EqOptions.RELEASED;
    EqOptions more =
        new EqOptions(
            d.equivarianceProbability(),
            d.lowResolutionPriorProbability(),
            d.scaling(),
            d.scaleSet(),
            d.scaleMin(),
            d.scaleMax(),
            d.rotations(),
            d.flips(),
            d.interpolation(),
            d.draw(),
            d.regularizer(),
            d.explicitWeight(),
            d.explicitStopGradient(),
            2,
            0.25);
    List<Draw> released = draws(d);
    List<Draw> drawn = draws(more);
    Map<String, Long> shifts = new TreeMap<>();
    Map<Double, Long> blends = new TreeMap<>();
    for (int i = 0; i < DRAWS; i++) {
      Draw one = drawn.get(i);
      SpatialTransform tau = one.transform();
      // What is drawn besides does not change.
      assertEquals(released.get(i), new Draw(one.branch(), tau.shifted(0, 0)));
      if (one.branch() == Draw.Branch.EQUIVARIANT) {
        shifts.merge(tau.shiftDown() + "," + tau.shiftRight(), 1L, Long::sum);
        blends.merge(one.blend(), 1L, Long::sum);
      } else {
        assertEquals(0, one.blend());
      }
    }
    assertEquals(25, shifts.size());
    shifts.forEach((shift, n) -> assertShare(0.5 / 25, n, "shift " + shift));
    assertEquals(9, blends.size());
    blends.forEach((share, n) -> assertShare(share == 0 ? 0.375 : 0.125 / 8, n, "blend " + share));
    assertEquals(0.5, ((TreeMap<Double, Long>) blends).lastKey());
  }

  @Test
  void otherSetsOfScales() {
    Set<Double> quarters = new HashSet<>();
    for (Draw d :
        draws(
            options(
                EqOptions.Scaling.ISOTROPIC,
                EqOptions.ScaleSet.QUARTERS,
                List.of(1),
                EqOptions.Flips.NONE,
                EqOptions.DrawPer.BATCH))) {
      if (d.branch() != Draw.Branch.PLAIN) {
        quarters.add(d.transform().scaleHeight());
      }
    }
    assertEquals(Set.of(0.25, 0.5, 0.75), quarters);

    double sum = 0;
    int count = 0;
    int unequal = 0;
    for (Draw d :
        draws(
            options(
                EqOptions.Scaling.ANISOTROPIC,
                EqOptions.ScaleSet.CONTINUOUS,
                List.of(1),
                EqOptions.Flips.NONE,
                EqOptions.DrawPer.BATCH))) {
      SpatialTransform tau = d.transform();
      if (d.branch() == Draw.Branch.EQUIVARIANT) {
        assertTrue(tau.scaleHeight() >= 0.25 && tau.scaleHeight() < 1);
        assertTrue(tau.scaleWidth() >= 0.25 && tau.scaleWidth() < 1);
        unequal += tau.scaleHeight() != tau.scaleWidth() ? 1 : 0;
        sum += tau.scaleHeight() + tau.scaleWidth();
        count += 2;
      } else {
        assertEquals(tau.scaleHeight(), tau.scaleWidth(), "the low-resolution branch is isotropic");
      }
    }
    assertEquals(count / 2, unequal);
    assertEquals(0.625, sum / count, 5 * 0.75 / Math.sqrt(12.0 * count));
  }

  @Test
  void flipsAndNoScaling() {
    long horizontal = 0;
    long vertical = 0;
    for (Draw d :
        draws(
            options(
                EqOptions.Scaling.NONE,
                EqOptions.ScaleSet.DISCRETE_32,
                List.of(0, 2),
                EqOptions.Flips.BOTH,
                EqOptions.DrawPer.BATCH))) {
      assertEquals(1, d.transform().scaleHeight());
      assertTrue(d.transform().quarterTurns() % 2 == 0);
      horizontal += d.transform().flipHorizontal() ? 1 : 0;
      vertical += d.transform().flipVertical() ? 1 : 0;
    }
    assertShare(0.25, horizontal, "horizontal");
    assertShare(0.25, vertical, "vertical");
  }

  @Test
  void oneDrawPerBatchOrOnePerSample() {
    TransformSampler batch = new TransformSampler(EqOptions.RELEASED);
    for (int i = 0; i < 100; i++) {
      assertEquals(1, new HashSet<>(batch.draw(1, i, 16)).size());
    }
    TransformSampler sample =
        new TransformSampler(
            options(
                EqOptions.Scaling.ISOTROPIC,
                EqOptions.ScaleSet.DISCRETE_32,
                List.of(1, 2, 3),
                EqOptions.Flips.NONE,
                EqOptions.DrawPer.SAMPLE));
    assertTrue(new HashSet<>(sample.draw(1, 1, 64)).size() > 10);
  }

  @Test
  void aDrawIsAFunctionOfSeedAndPurpose() {
    TransformSampler a = new TransformSampler(EqOptions.RELEASED);
    TransformSampler b = new TransformSampler(EqOptions.RELEASED);
    b.draw(1, 77, 4); // what was drawn before does not matter
    List<Draw> first =
        java.util.stream.LongStream.range(0, 50).mapToObj(i -> a.draw(1, i, 1).getFirst()).toList();
    List<Draw> second =
        java.util.stream.LongStream.range(0, 50).mapToObj(i -> b.draw(1, i, 1).getFirst()).toList();
    List<Draw> other =
        java.util.stream.LongStream.range(0, 50).mapToObj(i -> b.draw(2, i, 1).getFirst()).toList();
    assertEquals(first, second);
    assertNotEquals(first, other);
  }
}
