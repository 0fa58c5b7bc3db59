package io.github.eqvae.generator;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.BitsPerDimension;
import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.GaussianDiffusion.Variance;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a process says of one step back, and what a guided network says, against
 * facebookresearch/DiT and willisma/SiT. Both are computed on the host; that the network gives the
 * same on other devices is GoldenDitTest's part.
 */
class GoldenProcessTest {
  static List<Path> processes() throws IOException {
    List<Path> files = GoldenFile.with("out.p_mean", "out.vb.clip1");
    assertTrue(files.size() >= 1);
    return files;
  }

  static List<Path> guided() throws IOException {
    List<Path> files = GoldenFile.with("cfg.in.x", "cfg.in.y");
    assertTrue(files.size() >= 1);
    return files;
  }

  private static float[] floats(double... values) {
    float[] out = new float[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) values[i];
    }
    return out;
  }

  private static double[] each(int count, IntToDoubleFunction f) {
    double[] out = new double[count];
    Arrays.setAll(out, f);
    return out;
  }

  @ParameterizedTest
  @MethodSource("processes")
  void aStepBack(Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, "cpu", GoldenLossTest.heads(golden))) {
      GaussianDiffusion process = GaussianDiffusion.published();
      int channels = net.config.channels();
      double[] start = golden.nhwc("in.x0");
      double[] noisy = golden.nhwc("out.q_sample");
      double[] times = golden.values("in.t");
      int sample = start.length / times.length;
      double[] said =
          net.read(
              net.dit.forward(
                  net.tape(Tape.Mode.INFERENCE),
                  net.image("out.q_sample"),
                  net.tensor("in.t"),
                  net.labels("in.y")));
      double[][] of = new double[6][start.length];
      for (int i = 0; i < start.length; i++) {
        int t = (int) times[i / sample];
        int at = (i - i % channels) * 2 + i % channels;
        double expected = process.start(noisy[i], said[at], t);
        double log = process.logVariance(said[at + channels], t);
        of[0][i] = process.posteriorMean(noisy[i], start[i], t);
        of[1][i] = process.posteriorMean(noisy[i], expected, t);
        of[2][i] = log;
        of[3][i] = Math.exp(log);
        of[4][i] = expected;
        of[5][i] = Math.clamp(expected, -1, 1);
      }
      golden.compareNhwc("out.posterior_mean", of[0]);
      golden.compareNhwc("out.p_mean", of[1]);
      golden.compareNhwc("out.p_log_variance", of[2]);
      golden.compareNhwc("out.p_variance", of[3]);
      golden.compareNhwc("out.p_pred_xstart", of[4]);
      golden.compareNhwc("out.vb_pred_xstart.clip0", of[4]);
      golden.compareNhwc("out.vb_pred_xstart.clip1", of[5]);
      fixedVariances(golden, process, times);
      bounds(golden, process, channels, said);
    }
  }

  private static void fixedVariances(GoldenFile golden, GaussianDiffusion process, double[] times) {
    GaussianDiffusion small =
        new GaussianDiffusion(process.schedule(), process.prediction(), Variance.FIXED_SMALL);
    GaussianDiffusion large =
        new GaussianDiffusion(process.schedule(), process.prediction(), Variance.FIXED_LARGE);
    for (var entry : Map.of("small", small, "large", large).entrySet()) {
      IntToDoubleFunction log = n -> entry.getValue().logVariance(0, (int) times[n]);
      String at = "out.fixed_" + entry.getKey() + ".p_";
      golden.compare(at + "log_variance", each(times.length, log));
      // The posterior of the first step has none: there its logarithm is that of the next one.
      golden.compare(
          at + "variance",
          each(
              times.length,
              n ->
                  entry.getValue() == small
                      ? process.schedule().posteriorVariance((int) times[n])
                      : Math.exp(log.applyAsDouble(n))));
    }
  }

  private static void bounds(
      GoldenFile golden, GaussianDiffusion process, int channels, double[] said) {
    double[] times = golden.values("in.t");
    BitsPerDimension cut = new BitsPerDimension(process, channels, true);
    float[] start = floats(golden.nhwc("in.x0"));
    float[] noise = floats(golden.nhwc("rnd.noise"));
    golden.compare(
        "out.vb.clip1",
        each(
            times.length,
            n ->
                cut.step(
                        part(start, n, times.length),
                        part(noise, n, times.length),
                        part(floats(said), n, times.length),
                        (int) times[n])
                    .bits()));
    golden.compare(
        "out.prior_bpd", each(times.length, n -> cut.prior(part(start, n, times.length))));
  }

  private static float[] part(float[] all, int index, int parts) {
    int each = all.length / parts;
    return Arrays.copyOfRange(all, index * each, (index + 1) * each);
  }

  /**
   * A guided answer of a file.
   *
   * @param time of all rows; NaN where the file says each row's
   * @param from guided from this time on
   */
  private record Guided(int channels, double time, double from) {}

  private static final double ALWAYS = Double.NEGATIVE_INFINITY;

  private static final Map<String, Guided> GUIDED =
      Map.of(
          "cfg.out.three_channels", new Guided(Guidance.AS_RELEASED, Double.NaN, ALWAYS),
          "cfg.out.full", new Guided(Guidance.ALL, Double.NaN, ALWAYS),
          "cfg.out", new Guided(Guidance.AS_RELEASED, 0.5, ALWAYS),
          "cfg_interval_off.out", new Guided(Guidance.AS_RELEASED, 0.05, 0.11),
          "cfg_interval_on.out", new Guided(Guidance.AS_RELEASED, 0.5, 0.11));

  /** LightningDiT's files do not say theirs. */
  private static final double LIGHTNING_SCALE = 6.5;

  /** A file has 2n rows, of which the references look at the first n, once with each label. */
  @ParameterizedTest
  @MethodSource("guided")
  void guidance(Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, "cpu", GoldenDitTest.heads(golden))) {
      boolean says = golden.has("cfg.in.scale");
      double scale = says ? golden.values("cfg.in.scale")[0] : LIGHTNING_SCALE;
      int compared = 0;
      for (Map.Entry<String, Guided> entry : GUIDED.entrySet()) {
        if (golden.has(entry.getKey())) {
          compare(net, entry.getKey(), entry.getValue(), scale);
          compared++;
        }
      }
      assertTrue(compared > 0, "nothing was compared");
    }
  }

  private static void compare(GoldenNetwork net, String name, Guided g, double scale) {
    GoldenFile golden = net.golden;
    double[] labels = golden.values("cfg.in.y");
    int n = labels.length / 2;
    int outputs = golden.shape(name).size(1);
    int channels = net.config.channels();
    float[] x = part(floats(golden.nhwc("cfg.in.x")), 0, 2);
    Denoiser with = rows(net, outputs, g.time(), Arrays.copyOf(labels, n));
    Denoiser without = rows(net, outputs, g.time(), Arrays.copyOfRange(labels, n, 2 * n));
    Guidance guidance = new Guidance(scale, g.channels(), g.from(), Double.POSITIVE_INFINITY);
    double time = Double.isNaN(g.time()) ? 0 : g.time();
    float[] guided = guidance.guide(with, without, channels).predict(x, time);
    // The rows with null labels: guided alike, and what is not guided is their own.
    float[] other = without.predict(x, time);
    float[] all = Arrays.copyOf(guided, 2 * guided.length);
    for (int i = 0; i < guided.length; i++) {
      boolean isGuided = i % outputs < Math.min(g.channels(), channels);
      all[guided.length + i] = isGuided ? guided[i] : other[i];
    }
    golden.compareNhwc(name, doubles(all));
  }

  /** The network at the first rows' times, whatever time is asked for. */
  private static Denoiser rows(GoldenNetwork net, int kept, double time, double... labels) {
    int side = net.config.side();
    double[] times = new double[labels.length];
    Arrays.fill(times, time);
    if (net.golden.has("cfg.in.t")) {
      times = Arrays.copyOf(net.golden.values("cfg.in.t"), labels.length);
    }
    double[] asked = times;
    return (x, ignored) -> {
      Tensor out =
          net.dit.forward(
              net.tape(Tape.Mode.INFERENCE),
              net.tensor(Shape.of(labels.length, side, side, net.config.channels()), doubles(x)),
              net.tensor(Shape.of(labels.length), asked),
              net.labels(labels));
      return floats(net.read(out.narrow(3, 0, kept)));
    };
  }
}
