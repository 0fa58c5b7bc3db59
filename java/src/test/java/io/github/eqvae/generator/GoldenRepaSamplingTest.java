package io.github.eqvae.generator;

import static io.github.eqvae.generator.GoldenNetwork.floats;
import static io.github.eqvae.testing.GoldenFile.doubles;
import static io.github.eqvae.testing.GoldenFile.nhwc;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.RepaSampler;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** REPA's samplers against trajectories of sihyun-yu/REPA: results, calls and their times. */
class GoldenRepaSamplingTest {
  private static final double SCALE = 1.8; // as README of the files says
  private static final double NEVER = Double.NaN;

  /** A run of the files: which rule, and between which times it is guided. */
  private record Run(
      RepaSampler.Method method, Interpolant path, double guidedFrom, double guidedTo) {
    Run(RepaSampler.Method method, double from, double to) {
      this(method, Interpolant.LINEAR, from, to);
    }

    boolean guided() {
      return !Double.isNaN(guidedFrom);
    }
  }

  private static final Map<String, Run> RUNS =
      Map.of(
          "euler", new Run(RepaSampler.Method.EULER, NEVER, NEVER),
          "euler_heun", new Run(RepaSampler.Method.HEUN, NEVER, NEVER),
          "euler_cfg", new Run(RepaSampler.Method.EULER, 0, 1),
          "euler_cfg_interval", new Run(RepaSampler.Method.EULER, 0.1, 0.7),
          "heun_cfg_interval", new Run(RepaSampler.Method.HEUN, 0.3, 0.7),
          "em", new Run(RepaSampler.Method.EULER_MARUYAMA, NEVER, NEVER),
          "em_cfg", new Run(RepaSampler.Method.EULER_MARUYAMA, 0, 1),
          "em_cfg_interval", new Run(RepaSampler.Method.EULER_MARUYAMA, 0, 0.7),
          "em_cfg_interval_low", new Run(RepaSampler.Method.EULER_MARUYAMA, 0.3, 0.9),
          "em_cosine", new Run(RepaSampler.Method.EULER_MARUYAMA, Interpolant.GVP, NEVER, NEVER));

  static Stream<Path> files() throws IOException {
    List<Path> files = GoldenFile.with("projectors.0.0.weight", "out.em", "score.linear");
    assertTrue(files.size() >= 1, "no file has REPA's trajectories");
    return files.stream();
  }

  @ParameterizedTest
  @MethodSource("files")
  void samplesAreTheReferences(Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file)) {
      List<String> runs =
          golden.names().stream()
              .filter(n -> n.startsWith("out."))
              .map(n -> n.substring("out.".length()))
              .toList();
      int heads =
          GoldenNetwork.heads(
              golden,
              net -> {
                float[] out = sampled(golden, net, "em", new ArrayList<>(), new ArrayList<>());
                return golden.distance("out.em", golden.nhwc("out.em"), doubles(out));
              });
      try (GoldenNetwork net = new GoldenNetwork(golden, "cpu", heads)) {
        for (String run : runs) {
          sample(golden, net, run);
        }
      }
    }
  }

  private static float[] sampled(
      GoldenFile golden,
      GoldenNetwork net,
      String name,
      List<double[]> calls,
      List<Double> guidedTimes) {
    Run run = RUNS.get(name);
    double[] labels = golden.values("in.y");
    double[] nulls = new double[labels.length];
    Arrays.fill(nulls, net.config.classes());
    Denoiser plain = network(net, labels, calls);
    // The reference asks about both halves in one call of twice the rows.
    Denoiser none = network(net, nulls, new ArrayList<>());
    Denoiser noneSeen =
        (x, time) -> {
          guidedTimes.add(time);
          return none.predict(x, time);
        };
    Denoiser asked =
        run.guided()
            ? new Guidance(SCALE, Guidance.ALL, run.guidedFrom(), run.guidedTo())
                .guide(plain, noneSeen, net.config.channels())
            : plain;
    int steps =
        run.method() == RepaSampler.Method.HEUN
            ? (golden.shape("calls." + name).size(0) + 1) / 2
            : golden.has("calls." + name)
                ? golden.shape("calls." + name).size(0)
                : golden.shape("rnd.noise").size(0) + 1;
    RepaSampler sampler = new RepaSampler(run.path(), run.method(), steps);
    Shape s = golden.shape("rnd.noise"); // [steps − 1, N, C, H, W]
    double[] noise = golden.values("rnd.noise");
    int row = noise.length / s.size(0);
    return sampler.sample(
        asked,
        floats(golden.nhwc("in.z")),
        (step, count) -> floats(nhwc(Arrays.copyOfRange(noise, step * row, (step + 1) * row), s)));
  }

  private static void sample(GoldenFile golden, GoldenNetwork net, String name) {
    Run run = RUNS.get(name);
    List<double[]> calls = new ArrayList<>();
    List<Double> guidedTimes = new ArrayList<>();
    float[] out = sampled(golden, net, name, calls, guidedTimes);
    golden.compareNhwc("out." + name, doubles(out));
    if (golden.has("calls." + name)) {
      double[] expected = golden.values("calls." + name); // rows, time
      assertEquals(expected.length / 2, calls.size(), name + ": calls");
      int guided = 0;
      for (int i = 0; i < calls.size(); i++) {
        assertEquals(expected[2 * i + 1], calls.get(i)[0], 1e-6, name + ": time of call " + i);
        guided += expected[2 * i] > golden.values("in.y").length ? 1 : 0;
      }
      assertEquals(guided, guidedTimes.size(), name + ": guided calls");
    }
  }

  private static Denoiser network(GoldenNetwork net, double[] labels, List<double[]> calls) {
    int side = net.config.side();
    int channels = net.config.channels();
    return (x, time) -> {
      calls.add(new double[] {time});
      double[] times = new double[labels.length];
      Arrays.fill(times, time);
      Tensor out =
          net.dit.forward(
              net.tape(Tape.Mode.INFERENCE),
              net.tensor(Shape.of(labels.length, side, side, channels), doubles(x)),
              net.tensor(Shape.of(labels.length), times),
              net.labels(labels));
      float[] said = floats(net.read(out));
      net.arena.reset();
      return said;
    };
  }
}
