package io.github.eqvae.generator;

import static io.github.eqvae.generator.GoldenNetwork.floats;
import static io.github.eqvae.testing.GoldenFile.doubles;
import static io.github.eqvae.testing.GoldenFile.nhwc;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.DiffusionSampler;
import io.github.eqvae.diffusion.Dopri5Sampler;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Likelihood;
import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.Sampler;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.diffusion.StepNoise;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whole trajectories of samplers, every step of them, against what facebookresearch/DiT and
 * willisma/SiT make with the same network, start and noise. The network runs on the CPU; that it
 * gives the same on other devices is GoldenDitTest's part.
 */
class GoldenSamplingTest {
  static Stream<Path> dits() throws IOException {
    return GoldenFile.with("in.timestep_map", "out.p.plain.sample").stream();
  }

  static Stream<Path> sits() throws IOException {
    return GoldenFile.with("sde.euler_sigma", "ode.euler").stream();
  }

  /** A golden file's network as samplers see it. */
  private static final class Network implements AutoCloseable {
    final GoldenFile golden;
    final GoldenNetwork net;
    final int rows;
    final int channels;
    final float[] start;

    Network(Path file) throws IOException {
      this(GoldenFile.open(file));
    }

    private Network(GoldenFile golden) {
      this(
          golden,
          new GoldenNetwork(
              golden,
              "cpu",
              GoldenNetwork.heads(golden, net -> new Network(golden, net).distance())));
    }

    private Network(GoldenFile golden, GoldenNetwork net) {
      this.golden = golden;
      this.net = net;
      rows = golden.shape("in.z").size(0);
      channels = golden.shape("in.z").size(1);
      start = floats(golden.nhwc("in.z"));
    }

    /** How far the last state of one trajectory is off, in tolerances. */
    private double distance() {
      boolean sit = golden.has("ode.euler");
      String name = sit ? "ode.euler" : "out.p.plain.sample";
      Shape s = golden.shape(name);
      Sampler sampler =
          sit
              ? ode("euler", s.size(0) - 1)
              : new DiffusionSampler(
                  GaussianDiffusion.published()
                      .respaced(Integer.toString(golden.shape("in.timestep_map").size(0))),
                  channels,
                  Double.NaN,
                  false);
      Denoiser labelled = with(sit ? channels : 2 * channels, labels());
      float[] end = sampler.sample(labelled, start, noise(sit ? 0 : rows));
      double[] all = golden.values(name);
      double[] last = Arrays.copyOfRange(all, all.length - all.length / s.size(0), all.length);
      return golden.distance(name, nhwc(last, s), doubles(end));
    }

    /** The first {@code kept} channels of what the network says, with these labels. */
    Denoiser with(int kept, double... labels) {
      int side = net.config.side();
      return (x, time) -> {
        int n = x.length / (side * side * channels);
        double[] times = new double[n];
        Arrays.fill(times, time);
        Tensor latents = net.tensor(Shape.of(n, side, side, channels), doubles(x));
        Tensor out =
            net.dit.forward(
                net.tape(Tape.Mode.INFERENCE),
                latents,
                net.tensor(Shape.of(n), times),
                net.labels(labels));
        float[] said = floats(net.read(out.narrow(3, 0, kept)));
        net.arena.reset();
        return said;
      };
    }

    /** The same with the gradient of what it says. */
    Likelihood.Network differentiable(double... labels) {
      int side = net.config.side();
      int n = labels.length;
      return (x, time, cotangent) -> {
        double[] times = new double[n];
        Arrays.fill(times, time);
        Tape tape = net.tape(Tape.Mode.RECORD);
        Tensor latents = tape.watch(net.tensor(Shape.of(n, side, side, channels), doubles(x)));
        Tensor out =
            net.dit.forward(tape, latents, net.tensor(Shape.of(n), times), net.labels(labels));
        Tensor velocity = tape.apply(new Narrow(3, 0, channels), out);
        Tensor ones = net.tensor(latents.shape(), doubles(cotangent));
        Tensor pulled =
            tape.gradients(List.of(new Seed(velocity, ones)), List.of(latents)).get(latents);
        Likelihood.Answer answer =
            new Likelihood.Answer(floats(net.read(velocity)), floats(net.read(pulled)));
        net.arena.reset();
        return answer;
      };
    }

    double[] labels() {
      return golden.values("in.y");
    }

    double[] nulls() {
      double[] none = new double[rows];
      Arrays.fill(none, golden.shape("y_embedder.embedding_table.weight").dim(0) - 1);
      return none;
    }

    /** The reference's noise; without guidance it uses the first rows. */
    StepNoise noise(int used) {
      Shape s = golden.shape("rnd.noise");
      double[] all = golden.values("rnd.noise");
      int row = channels * s.size(3) * s.size(4);
      return (step, count) -> {
        int from = step * s.size(1) * row;
        return floats(nhwc(Arrays.copyOfRange(all, from, from + used * row), s));
      };
    }

    /** Compares states with the steps of a trajectory, of whose rows the first are results. */
    void compare(String name, List<float[]> states, int from) {
      Shape s = golden.shape(name);
      double[] all = golden.values(name);
      int step = all.length / s.size(0);
      assertEquals(s.size(0) - from, states.size(), name + ": steps");
      for (int k = 0; k < states.size(); k++) {
        double[] expected =
            nhwc(Arrays.copyOfRange(all, (from + k) * step, (from + k + 1) * step), s);
        double[] actual = doubles(states.get(k));
        double distance = golden.distance(name, Arrays.copyOf(expected, actual.length), actual);
        assertTrue(distance <= 1, "%s, step %d: %.3g tolerances".formatted(name, k, distance));
      }
    }

    @Override
    public void close() throws IOException {
      net.close();
      golden.close();
    }
  }

  private static List<float[]> states(
      Sampler sampler, Denoiser network, float[] start, StepNoise noise) {
    List<float[]> states = new ArrayList<>();
    float[] end = sampler.sample(network, start, noise, (state, step) -> states.add(state.clone()));
    assertTrue(Arrays.equals(end, states.getLast()), "the last state is the result");
    return states;
  }

  @ParameterizedTest
  @MethodSource("dits")
  void ancestralAndDdim(Path file) throws IOException {
    try (Network network = new Network(file)) {
      int steps = network.golden.shape("in.timestep_map").size(0);
      GaussianDiffusion process = GaussianDiffusion.published().respaced(Integer.toString(steps));
      int c = network.channels;
      Map<String, Double> etas = Map.of("p", Double.NaN, "ddim", 0.0, "ddim_eta", 0.7);
      Denoiser labelled = network.with(2 * c, network.labels());
      Denoiser none = network.with(2 * c, network.nulls());
      double scale = network.golden.values("in.cfg_scale")[0];
      for (Map.Entry<String, Double> entry : etas.entrySet()) {
        Sampler sampler = new DiffusionSampler(process, c, entry.getValue(), false);
        Map<String, Denoiser> networks =
            Map.of(
                "plain", labelled,
                "cfg3", guidance(scale, Guidance.AS_RELEASED).guide(labelled, none, c),
                "cfgfull", guidance(scale, Guidance.ALL).guide(labelled, none, c));
        for (Map.Entry<String, Denoiser> each : networks.entrySet()) {
          String name = "out." + entry.getKey() + "." + each.getKey() + ".sample";
          List<float[]> states =
              states(sampler, each.getValue(), network.start, network.noise(network.rows));
          network.compare(name, states, 0);
          if (each.getKey().equals("plain")) {
            expected(network, "out." + entry.getKey() + ".plain", process, labelled, states, false);
          }
        }
      }
      Sampler clipped = new DiffusionSampler(process, c, Double.NaN, true);
      List<float[]> cut = states(clipped, labelled, network.start, network.noise(network.rows));
      network.compare("out.p.clip.sample", cut, 0);
      expected(network, "out.p.clip", process, labelled, cut, true);
      double[] map = network.golden.values("in.timestep_map");
      for (int t = 0; t < steps; t++) {
        assertEquals(map[t], process.schedule().originalStep(t));
      }
      reverse(network, DiffusionSampler.ddim(process, c, 0), labelled);
    }
  }

  /** The data that each step of a run expects. */
  private static void expected(
      Network network,
      String run,
      GaussianDiffusion process,
      Denoiser labelled,
      List<float[]> states,
      boolean clip) {
    int c = network.channels;
    List<float[]> starts = new ArrayList<>();
    for (int k = 0; k < states.size(); k++) {
      float[] x = k == 0 ? network.start : states.get(k - 1);
      int t = states.size() - 1 - k;
      float[] said = labelled.predict(x, process.schedule().originalStep(t));
      float[] start = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        double value = process.start(x[i], said[(i - i % c) * 2 + i % c], t);
        start[i] = (float) (clip ? Math.clamp(value, -1, 1) : value);
      }
      starts.add(start);
    }
    network.compare(run + ".pred_xstart", starts, 0);
  }

  private static Guidance guidance(double scale, int channels) {
    return new Guidance(scale, channels, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
  }

  private static void reverse(Network network, DiffusionSampler ddim, Denoiser labelled) {
    float[] x = network.start.clone();
    for (int i = 0; i < x.length; i++) {
      x[i] *= 0.5f;
    }
    List<float[]> states = new ArrayList<>();
    for (int t = 0; t < ddim.diffusion().schedule().steps(); t++) {
      double time = ddim.diffusion().schedule().originalStep(t);
      x = ddim.reverseStep(x, labelled.predict(x, time), t);
      states.add(x);
    }
    network.compare("out.ddim_reverse.sample", states, 0);
  }

  private static final Transport VELOCITY = transport("linear", "velocity");

  private static Transport transport(String path, String prediction) {
    return new Transport(
        Interpolant.valueOf(path.toUpperCase(Locale.ROOT)),
        Transport.Prediction.valueOf(prediction.toUpperCase(Locale.ROOT)),
        Transport.Weight.NONE);
  }

  /** "gvp_velocity_heun2": path, prediction, method; "heun2": on straight paths. */
  private static OdeSampler ode(String run, int steps) {
    boolean reverse = run.endsWith("_reverse");
    String[] words = run.replace("_reverse", "").split("_");
    Transport transport = words.length == 3 ? transport(words[0], words[1]) : VELOCITY;
    String method = words[words.length - 1].toUpperCase(Locale.ROOT);
    return new OdeSampler(transport, OdeSampler.Method.valueOf(method), steps, 1, reverse);
  }

  @ParameterizedTest
  @MethodSource("sits")
  void ordinaryEquations(Path file) throws IOException {
    try (Network network = new Network(file)) {
      Denoiser labelled = network.with(network.channels, network.labels());
      int compared = 0;
      for (String name : network.golden.names()) {
        String run = name.startsWith("ode.") ? name.substring(4) : "";
        if (run.isEmpty() || run.contains(".") || run.contains("dopri5") || run.endsWith("cfg")) {
          continue;
        }
        int steps = network.golden.shape(name).size(0) - 1;
        OdeSampler sampler = ode(run, steps);
        List<Double> times = new ArrayList<>();
        Denoiser timed = timed(labelled, times);
        network.compare(name, states(sampler, timed, network.start, network.noise(0)), 1);
        times(network.golden, run, times);
        interval(network.golden, run, sampler.transport(), sampler.reverse());
        compared++;
      }
      assertTrue(compared >= 1, "no run was compared");
      Guidance three = guidance(network.golden.values("in.cfg_scale")[0], Guidance.AS_RELEASED);
      Denoiser guided =
          three.guide(labelled, network.with(network.channels, network.nulls()), network.channels);
      int steps = network.golden.shape("ode.euler_cfg").size(0) - 1;
      List<Double> times = new ArrayList<>();
      Denoiser timed = timed(guided, times);
      network.compare(
          "ode.euler_cfg", states(ode("euler", steps), timed, network.start, network.noise(0)), 1);
      times(network.golden, "euler_cfg", times);
      for (String run : List.of("euler_cfg", "dopri5", "dopri5_tight", "dopri5_cfg")) {
        interval(network.golden, run, VELOCITY, false);
      }
    }
  }

  /** A network that keeps the times of its calls. */
  private static Denoiser timed(Denoiser network, List<Double> times) {
    return (x, time) -> {
      times.add(time);
      return network.predict(x, time);
    };
  }

  /** The network is told times in single precision. */
  private static void times(GoldenFile golden, String run, List<Double> times) {
    golden.compareExactly(
        "ode." + run + ".t_evals", times.stream().mapToDouble(Double::floatValue).toArray());
  }

  /** From where to where a run goes. */
  private static void interval(GoldenFile golden, String run, Transport t, boolean reverse) {
    double from = reverse ? t.ode().to() : t.ode().from();
    double to = reverse ? t.ode().from() : t.ode().to();
    golden.compareExactly("ode." + run + ".interval", from, to);
  }

  /**
   * The reference's step depends on all rows of a batch, under guidance on the null half, too: so
   * the state has both halves here, the second of which the network never sees.
   */
  @ParameterizedTest
  @MethodSource("sits")
  void dopri5(Path file) throws IOException {
    try (Network network = new Network(file)) {
      int c = network.channels;
      Denoiser labelled = network.with(c, network.labels());
      Map<String, Double> relative = Map.of("dopri5", 1e-3, "dopri5_tight", 1e-5);
      Map<String, Double> absolute = Map.of("dopri5", 1e-6, "dopri5_tight", 1e-5);
      for (String run : relative.keySet()) {
        Sampler sampler = new Dopri5Sampler(VELOCITY, absolute.get(run), relative.get(run), true);
        float[] end = sampler.sample(labelled, network.start, network.noise(0));
        network.compare("ode." + run, List.of(end), network.golden.shape("ode." + run).size(0) - 1);
      }
      Denoiser none = network.with(c, network.nulls());
      double scale = network.golden.values("in.cfg_scale")[0];
      Denoiser doubled =
          (x, t) -> {
            float[] half = Arrays.copyOf(x, x.length / 2);
            float[] with = labelled.predict(half, t);
            float[] without = none.predict(half, t);
            float[] out = new float[x.length];
            for (int i = 0; i < half.length; i++) {
              float guided = without[i] + (float) scale * (with[i] - without[i]);
              boolean three = i % c < Guidance.AS_RELEASED;
              out[i] = three ? guided : with[i];
              out[half.length + i] = three ? guided : without[i];
            }
            return out;
          };
      float[] twice = Arrays.copyOf(network.start, 2 * network.start.length);
      System.arraycopy(network.start, 0, twice, network.start.length, network.start.length);
      float[] end =
          new Dopri5Sampler(VELOCITY, 1e-6, 1e-3, true).sample(doubled, twice, network.noise(0));
      network.compare(
          "ode.dopri5_cfg", List.of(end), network.golden.shape("ode.dopri5_cfg").size(0) - 1);
    }
  }

  /** The runs of the reference draw signs for each call, the same ones from the first on. */
  @ParameterizedTest
  @MethodSource("sits")
  void likelihood(Path file) throws IOException {
    try (Network network = new Network(file)) {
      Shape s = network.golden.shape("rnd.lik.bits"); // [calls, N, C, H, W]
      double[] bits = network.golden.values("rnd.lik.bits");
      int each = bits.length / s.size(0);
      StepNoise signs =
          (call, count) -> {
            double[] drawn = Arrays.copyOfRange(bits, call * each, (call + 1) * each);
            float[] out = floats(nhwc(drawn, s));
            for (int i = 0; i < out.length; i++) {
              out[i] = 2 * out[i] - 1;
            }
            return out;
          };
      float[] data = network.start.clone();
      for (int i = 0; i < data.length; i++) {
        data[i] *= 0.7f;
      }
      for (OdeSampler.Method method : List.of(OdeSampler.Method.EULER, OdeSampler.Method.HEUN2)) {
        String run = "lik." + method.name().toLowerCase(Locale.ROOT) + ".";
        Likelihood likelihood = new Likelihood(VELOCITY, method, s.size(0) / method.calls());
        Likelihood.Result result =
            likelihood.of(network.differentiable(network.labels()), data, network.rows, signs);
        golden(network, run, result);
      }
    }
  }

  private static void golden(Network network, String run, Likelihood.Result result) {
    network.golden.compareNhwc(run + "z", doubles(result.noise()));
    network.golden.compare(run + "logp", result.nats());
  }

  private static final double LAST = 0.04;

  private static SdeSampler sde(Transport transport, SdeSampler.Form form, int steps) {
    return new SdeSampler(
        transport, SdeSampler.Method.EULER, form, 1, SdeSampler.Last.MEAN, LAST, steps);
  }

  private static SdeSampler last(SdeSampler.Last last, double length, int steps) {
    return new SdeSampler(
        VELOCITY, SdeSampler.Method.EULER, SdeSampler.Form.SIGMA, 1, last, length, steps);
  }

  private static SdeSampler heun(Transport t, SdeSampler.Form form, double norm, int steps) {
    return new SdeSampler(t, SdeSampler.Method.HEUN, form, norm, SdeSampler.Last.MEAN, LAST, steps);
  }

  /** The runs of the file by their names. */
  private static Map<String, SdeSampler> equations(int n) {
    Transport margin =
        new Transport(
            Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE, 0, 0.02);
    Map<String, SdeSampler> runs = new HashMap<>();
    runs.put("euler_sigma", sde(VELOCITY, SdeSampler.Form.SIGMA, n));
    runs.put("euler_linear", sde(VELOCITY, SdeSampler.Form.LINEAR, n));
    runs.put("euler_decreasing", sde(VELOCITY, SdeSampler.Form.DECREASING, n));
    runs.put("euler_constant", sde(VELOCITY, SdeSampler.Form.CONSTANT, n));
    runs.put("euler_incdec", sde(VELOCITY, SdeSampler.Form.INCREASING_DECREASING, n));
    runs.put("euler_SBDM_eps", sde(margin, SdeSampler.Form.SBDM, n));
    runs.put("heun_sigma", heun(VELOCITY, SdeSampler.Form.SIGMA, 1, n));
    runs.put("heun_SBDM_eps", heun(margin, SdeSampler.Form.SBDM, 1, n));
    runs.put("heun_linear_norm2", heun(VELOCITY, SdeSampler.Form.LINEAR, 2, n));
    runs.put("last_none", last(SdeSampler.Last.NONE, LAST, n));
    runs.put("last_tweedie", last(SdeSampler.Last.TWEEDIE, LAST, n));
    runs.put("last_euler", last(SdeSampler.Last.EULER, LAST, n));
    runs.put("last_mean_size01", last(SdeSampler.Last.MEAN, 0.1, n));
    for (String run :
        new String[] {
          "gvp_velocity_sigma",
          "gvp_noise_SBDM",
          "vp_velocity_sigma",
          "vp_score_SBDM",
          "linear_noise_sigma",
          "linear_score_linear"
        }) {
      String[] words = run.split("_");
      SdeSampler.Form form = SdeSampler.Form.valueOf(words[2].toUpperCase(Locale.ROOT));
      runs.put(run, sde(transport(words[0], words[1]), form, n));
    }
    runs.put(
        "gvp_tweedie",
        new SdeSampler(
            transport("gvp", "velocity"),
            SdeSampler.Method.EULER,
            SdeSampler.Form.SIGMA,
            1,
            SdeSampler.Last.TWEEDIE,
            LAST,
            n));
    return runs;
  }

  @ParameterizedTest
  @MethodSource("sits")
  void stochasticEquations(Path file) throws IOException {
    try (Network network = new Network(file)) {
      Denoiser labelled = network.with(network.channels, network.labels());
      for (String name : network.golden.names()) {
        if (!name.startsWith("sde.") || name.equals("sde.cfg")) {
          continue;
        }
        SdeSampler sampler = equations(network.golden.shape(name).size(0)).get(name.substring(4));
        assertTrue(sampler != null, "nothing is known of the run " + name);
        network.compare(
            name, states(sampler, labelled, network.start, network.noise(network.rows)), 0);
      }
      Guidance three = guidance(network.golden.values("in.cfg_scale")[0], Guidance.AS_RELEASED);
      Denoiser guided =
          three.guide(labelled, network.with(network.channels, network.nulls()), network.channels);
      SdeSampler sampler =
          sde(VELOCITY, SdeSampler.Form.SIGMA, network.golden.shape("sde.cfg").size(0));
      network.compare(
          "sde.cfg", states(sampler, guided, network.start, network.noise(network.rows)), 0);
    }
  }
}
