package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Samplers on data whose best network is known: one point, or a normal distribution. What they make
 * of a network's answers is compared with the references in GoldenSamplingTest.
 */
class SamplersTest {
  private static final float[] POINT = {0.5f, -1.25f, 2, 0};
  private static final float[] START = {1.5f, 0.3f, -0.7f, 0.1f};

  private static final StepNoise NOISE =
      (step, count) -> {
        float[] drawn = new float[count];
        for (int i = 0; i < count; i++) {
          drawn[i] = (float) Math.sin(1 + 7 * step + 3 * i) * 1.4f;
        }
        return drawn;
      };

  private static final Transport LINEAR =
      new Transport(Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE);

  /** The velocity towards one point, from anywhere at time t. */
  private static float[] towardsThePoint(float[] x, double t) {
    float[] v = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      v[i] = (float) ((POINT[i] - x[i]) / Math.max(1 - t, 1e-4));
    }
    return v;
  }

  /** The velocity of a normal distribution of deviation d: x(t) = x(0) · √((1−t)² + d²t²). */
  private static Denoiser normal(double d) {
    return (x, t) -> {
      double factor = (d * d * t - (1 - t)) / ((1 - t) * (1 - t) + d * d * t * t);
      float[] v = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        v[i] = (float) (factor * x[i]);
      }
      return v;
    };
  }

  /** Each rule has the order that it is named after: twice the steps, 2^order times less error. */
  @ParameterizedTest
  @EnumSource(OdeSampler.Method.class)
  void rulesHaveTheirOrder(OdeSampler.Method method) {
    int order =
        switch (method) {
          case EULER -> 1;
          case MIDPOINT, HEUN2 -> 2;
          case HEUN3 -> 3;
          case RK4 -> 4;
        };
    double few = error(new OdeSampler(LINEAR, method, 6));
    double many = error(new OdeSampler(LINEAR, method, 12));
    assertTrue(few / many > 0.6 * Math.pow(2, order), method + ": " + few + " → " + many);
  }

  private static double error(Sampler sampler) {
    float[] end = sampler.sample(normal(0.5), START, NOISE);
    double most = 0;
    for (int i = 0; i < end.length; i++) {
      most = Math.max(most, Math.abs(end[i] - 0.5 * START[i]));
    }
    return most;
  }

  @Test
  void dopri5KeepsTheErrorAndItsTimes() {
    for (boolean overshoot : new boolean[] {true, false}) {
      assertTrue(error(new Dopri5Sampler(LINEAR, 1e-6, 1e-5, overshoot)) < 1e-4);
      List<Double> times = new ArrayList<>();
      Denoiser network =
          (x, t) -> {
            times.add(t);
            return normal(0.5).predict(x, t);
          };
      new Dopri5Sampler(LINEAR, 1e-6, 1e-3, overshoot).sample(network, START, NOISE);
      double last = times.stream().mapToDouble(t -> t).max().orElseThrow();
      assertEquals(overshoot, last > 1, "asked at " + last);
    }
    Denoiser broken = (x, t) -> new float[] {Float.NaN, 0, 0, 0};
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> new Dopri5Sampler(LINEAR, 1e-6, 1e-3, false).sample(broken, START, NOISE));
    assertTrue(e.getMessage().contains("not finite"), e.getMessage());
  }

  @Test
  void everyWayEndsAtTheOnlyPointThereIs() {
    for (SdeSampler.Method method : SdeSampler.Method.values()) {
      Sampler sde =
          new SdeSampler(
              LINEAR, method, SdeSampler.Form.SIGMA, 1, SdeSampler.Last.TWEEDIE, 0.04, 50);
      assertArrayEquals(POINT, sde.sample(SamplersTest::towardsThePoint, START, NOISE), 1e-3f);
    }
    GaussianDiffusion process =
        new GaussianDiffusion(
                NoiseSchedule.linear(1000),
                GaussianDiffusion.Prediction.START,
                GaussianDiffusion.Variance.FIXED_SMALL)
            .respaced("20");
    Denoiser point = (x, t) -> POINT;
    for (double eta : new double[] {0, 0.5, 1, Double.NaN}) {
      Sampler sampler = new DiffusionSampler(process, 2, eta, false);
      assertArrayEquals(POINT, sampler.sample(point, START, NOISE), 1e-5f);
    }
  }

  /** With η = 1 DDIM is ancestral sampling of the fixed small variance. */
  @Test
  void ddimOfEtaOneIsAncestral() {
    GaussianDiffusion process =
        new GaussianDiffusion(
                NoiseSchedule.linear(1000),
                GaussianDiffusion.Prediction.EPSILON,
                GaussianDiffusion.Variance.FIXED_SMALL)
            .respaced("10");
    Denoiser network = (x, t) -> new float[] {0.3f * x[0], -0.2f * x[1], 0.9f, 0.1f * x[3]};
    float[] one = DiffusionSampler.ddim(process, 4, 1).sample(network, START, NOISE);
    float[] other = DiffusionSampler.ancestral(process, 4).sample(network, START, NOISE);
    assertArrayEquals(one, other, 2e-5f);
  }

  /** ε, x0 and v say the same thing in three ways. */
  @Test
  void threePredictionsAreOneAnswer() {
    for (GaussianDiffusion.Prediction prediction : GaussianDiffusion.Prediction.values()) {
      GaussianDiffusion process =
          new GaussianDiffusion(
              NoiseSchedule.cosine(100), prediction, GaussianDiffusion.Variance.FIXED_LARGE);
      float[] noise = NOISE.draw(0, 4);
      for (int t : new int[] {0, 50, 95}) {
        float[] x = process.corrupt(POINT, noise, t);
        for (int i = 0; i < 4; i++) {
          double said = process.target(POINT[i], noise[i], t);
          double tolerance = 1e-6 / Math.sqrt(process.schedule().alphaCumulative(t));
          assertEquals(POINT[i], process.start(x[i], said, t), tolerance);
        }
      }
    }
  }

  @Test
  void guidanceLeavesWhatIsNotItsOwn() {
    Denoiser labelled = (x, t) -> new float[] {1, 2, 3, 10, 20, 30, 1, 2, 3, 10, 20, 30};
    Denoiser unlabelled = (x, t) -> new float[12];
    float[] x = new float[6]; // two places of three channels, a variance after each
    float[] two = new Guidance(1.5, 2, 0.2, 0.8).guide(labelled, unlabelled, 3).predict(x, 0.5);
    assertArrayEquals(new float[] {1.5f, 3, 3, 10, 20, 30, 1.5f, 3, 3, 10, 20, 30}, two);
    float[] all = Guidance.of(2).guide(labelled, unlabelled, 3).predict(x, 0.5);
    assertArrayEquals(new float[] {2, 4, 6, 10, 20, 30, 2, 4, 6, 10, 20, 30}, all);
    boolean[] asked = {false};
    Denoiser never =
        (state, t) -> {
          asked[0] = true;
          return new float[12];
        };
    Guidance interval = new Guidance(4, Guidance.ALL, 0.2, 0.8);
    assertArrayEquals(labelled.predict(x, 0.1), interval.guide(labelled, never, 3).predict(x, 0.1));
    Guidance.of(1).guide(labelled, never, 3).predict(x, 0.5);
    assertFalse(asked[0], "the unlabelled answer was not needed");
  }

  @Test
  void anAnswerOfAnotherSizeIsRefused() {
    Sampler sampler = DiffusionSampler.ancestral(GaussianDiffusion.published().respaced("5"), 2);
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class, () -> sampler.sample((x, t) -> x, START, NOISE));
    assertTrue(e.getMessage().contains("learn_sigma"), e.getMessage());
  }

  /** More steps than were trained cannot be chosen from them. */
  @ParameterizedTest
  @CsvSource({"1001, '1,001', process was trained with", "'30,501', 501, in this section"})
  void moreStepsThanTrainedAreRefused(String text, String count, String where) {
    String said =
        assertThrows(EqvaeException.Argument.class, () -> Respacing.of(1000, text)).getMessage();
    assertTrue(said.startsWith(count + " sampling steps are more than"), said);
    assertTrue(said.contains(where), said);
  }
}
