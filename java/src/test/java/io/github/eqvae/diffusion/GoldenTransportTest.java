package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Interpolants, times and intervals against willisma/SiT and hustvl/LightningDiT. */
class GoldenTransportTest {
  private static final Map<String, Interpolant> PATHS =
      Map.of("Linear", Interpolant.LINEAR, "GVP", Interpolant.GVP, "VP", Interpolant.VP);

  private static Transport velocity(Interpolant path) {
    return new Transport(path, Transport.Prediction.VELOCITY, Transport.Weight.NONE);
  }

  static List<Path> paths() throws IOException {
    return GoldenFile.with("path.Linear.velocity.ut");
  }

  @ParameterizedTest
  @MethodSource("paths")
  void pathsAndTheirCoefficients(Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file)) {
      for (Map.Entry<String, Interpolant> entry : PATHS.entrySet()) {
        Interpolant path = entry.getValue();
        String at = "path." + entry.getKey() + ".velocity.";
        double[] t = golden.values(at + "t");
        golden.compare(at + "alpha", each(t, path::alpha));
        golden.compare(at + "d_alpha", each(t, path::alphaRate));
        golden.compare(at + "sigma", each(t, path::sigma));
        golden.compare(at + "d_sigma", each(t, path::sigmaRate));
        golden.compare(at + "drift_var", each(t, path::scoreWeight));
        double[] data = golden.values("train.in.x1");
        double[] noise = golden.values("rnd.train.x0");
        int sample = data.length / t.length;
        double[] x = new double[data.length];
        double[] v = new double[data.length];
        for (int i = 0; i < x.length; i++) {
          double time = t[i / sample];
          x[i] = path.alpha(time) * data[i] + path.sigma(time) * noise[i];
          v[i] = velocity(path).target(data[i], noise[i], time);
        }
        golden.compare(at + "xt", x);
        golden.compare(at + "ut", v);
        // Times are drawn from the interval of each prediction.
        double[] u = golden.values("rnd.train.u");
        compareTimes(golden, at + "t", velocity(path), u);
        compareTimes(
            golden,
            "path." + entry.getKey() + ".noise.t",
            new Transport(path, Transport.Prediction.NOISE, Transport.Weight.NONE),
            u);
      }
    }
  }

  private static void compareTimes(
      GoldenFile golden, String name, Transport transport, double[] u) {
    Transport.Interval interval = transport.training();
    golden.compare(name, each(u, r -> r * (interval.to() - interval.from()) + interval.from()));
  }

  private interface OfTime {
    double at(double t);
  }

  private static double[] each(double[] t, OfTime f) {
    double[] out = new double[t.length];
    for (int i = 0; i < t.length; i++) {
      out[i] = f.at(t[i]);
    }
    return out;
  }

  static List<Path> shifts() throws IOException {
    return GoldenFile.with("lognorm.t");
  }

  @ParameterizedTest
  @MethodSource("shifts")
  void shiftedTimes(Path file) throws IOException {
    int compared = 0;
    try (GoldenFile golden = GoldenFile.open(file)) {
      for (String name : golden.names()) {
        if (name.startsWith("shifted_t.")) {
          String rest = name.substring("shifted_t.".length());
          int dot = rest.lastIndexOf('.');
          double shift = Double.parseDouble(rest.substring(0, dot));
          int count = Integer.parseInt(rest.substring(dot + 1));
          golden.compareExactly(name, TimeShift.grid(0, 1, count, shift));
          compared++;
        }
      }
    }
    assertTrue(compared >= 1, "no grid was compared");
  }

  @Test
  void scoreNoiseAndVelocityAreOneAnswer() {
    double data = 0.7;
    double noise = -1.3;
    for (Interpolant path : Interpolant.values()) {
      for (double t : new double[] {0.05, 0.3, 0.9}) {
        double x = path.alpha(t) * data + path.sigma(t) * noise;
        Transport v = velocity(path);
        double velocity = v.target(data, noise, t);
        for (Transport.Prediction prediction : Transport.Prediction.values()) {
          Transport transport = new Transport(path, prediction, Transport.Weight.NONE);
          double said = transport.target(data, noise, t);
          assertEquals(velocity, transport.velocity(said, x, t), 1e-9 * Math.abs(velocity));
          assertEquals(-noise / path.sigma(t), transport.score(said, x, t), 1e-9, path + " " + t);
        }
      }
    }
  }

  /** The reference computes NaN there: 1/t at t = 0. */
  @Test
  void formsThatAreInfiniteAreRefused() {
    for (Interpolant path : List.of(Interpolant.LINEAR, Interpolant.GVP)) {
      EqvaeException.Argument e =
          assertThrows(EqvaeException.Argument.class, () -> sde(velocity(path)));
      assertTrue(e.getMessage().contains("SIGMA"), e.getMessage());
      sde(new Transport(path, Transport.Prediction.VELOCITY, Transport.Weight.NONE, 0, 0.02));
      sde(new Transport(path, Transport.Prediction.NOISE, Transport.Weight.NONE));
    }
  }

  private static void sde(Transport transport) {
    new SdeSampler(
        transport,
        SdeSampler.Method.EULER,
        SdeSampler.Form.SBDM,
        1,
        SdeSampler.Last.MEAN,
        0.04,
        10);
  }
}
