package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Likelihoods of normal data, whose best network and density are known. */
class LikelihoodTest {
  private static final double DEVIATION = 0.6;
  private static final float[] DATA = {0.3f, -0.9f, 0.05f, 0.7f, -0.2f, 1.4f};
  private static final int SAMPLES = 2;

  private static final StepNoise SIGNS =
      (call, count) -> {
        float[] drawn = new float[count];
        for (int i = 0; i < count; i++) {
          drawn[i] = (call * 5 + i * 3) % 7 - 3;
        }
        return drawn;
      };

  /** The answer is a multiple of x; so the estimate of the divergence is exact. */
  private static Likelihood.Network best(Transport t) {
    return (x, time, cotangent) -> {
      double factor = factor(t, time);
      float[] said = new float[x.length];
      float[] pulled = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        said[i] = (float) (factor * x[i]);
        pulled[i] = (float) (factor * cotangent[i]);
      }
      return new Likelihood.Answer(said, pulled);
    };
  }

  private static double factor(Transport t, double time) {
    double a = t.path().alpha(time);
    double s = t.path().sigma(time);
    double variance = a * a * DEVIATION * DEVIATION + s * s;
    return switch (t.prediction()) {
      case SCORE -> -1 / variance;
      case NOISE -> s / variance;
      case VELOCITY ->
          (t.path().alphaRate(time) * a * DEVIATION * DEVIATION + t.path().sigmaRate(time) * s)
              / variance;
    };
  }

  private static double density(float... x) {
    double nats = 0;
    for (float v : x) {
      double z = v / DEVIATION;
      nats -= 0.5 * (z * z + Math.log(2 * Math.PI)) + Math.log(DEVIATION);
    }
    return nats;
  }

  @ParameterizedTest
  @CsvSource({
    "LINEAR, VELOCITY",
    "GVP, VELOCITY",
    "LINEAR, SCORE",
    "GVP, SCORE",
    "VP, SCORE",
    "LINEAR, NOISE",
    "GVP, NOISE",
    "VP, NOISE"
  })
  void ofNormalData(Interpolant path, Transport.Prediction prediction) {
    Transport transport = new Transport(path, prediction, Transport.Weight.NONE);
    Likelihood likelihood = new Likelihood(transport, OdeSampler.Method.RK4, 100);
    Likelihood.Result result = likelihood.of(best(transport), DATA, SAMPLES, SIGNS);
    int each = DATA.length / SAMPLES;
    for (int n = 0; n < SAMPLES; n++) {
      double expected = density(Arrays.copyOfRange(DATA, n * each, (n + 1) * each));
      // The ends are left out by up to 10⁻³ of the way: as much is missing of each number.
      assertEquals(expected, result.nats()[n], 4e-3 * each);
      assertEquals(
          -expected / each / Math.log(2), result.bitsPerDimension()[n], 4e-3 / Math.log(2));
    }
    float[] noise = DATA.clone();
    for (int i = 0; i < noise.length; i++) {
      noise[i] /= (float) DEVIATION;
    }
    assertArrayEquals(noise, result.noise(), 4e-3f);
  }

  @Test
  void refusesWhatIsNoBatch() {
    assertThrows(
        EqvaeException.Argument.class, () -> new Likelihood(LINEAR, OdeSampler.Method.EULER, 0));
    Likelihood likelihood = new Likelihood(LINEAR, OdeSampler.Method.EULER, 1);
    assertThrows(
        EqvaeException.Argument.class, () -> likelihood.of(best(LINEAR), new float[7], 2, SIGNS));
  }

  private static final Transport LINEAR =
      new Transport(Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE);
}
