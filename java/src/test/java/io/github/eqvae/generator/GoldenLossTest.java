package io.github.eqvae.generator;

import static io.github.eqvae.testing.GoldenFile.nhwc;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.BitsPerDimension;
import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.GaussianDiffusion.Prediction;
import io.github.eqvae.diffusion.GaussianDiffusion.Variance;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.NoiseSchedule;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.diffusion.TransportLoss;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The losses on every device against those of facebookresearch/DiT, willisma/SiT, LightningDiT. */
class GoldenLossTest {
  private static final Map<String, Interpolant> PATHS =
      Map.of("Linear", Interpolant.LINEAR, "GVP", Interpolant.GVP, "VP", Interpolant.VP);

  private static java.util.stream.Stream<Arguments> onDevices(String tensor) throws IOException {
    assertTrue(GoldenFile.with(tensor).size() >= 1, () -> "no file has " + tensor);
    return GoldenFile.onDevices(tensor).stream();
  }

  static java.util.stream.Stream<Arguments> diffusions() throws IOException {
    return onDevices("out.vb.clip0");
  }

  static java.util.stream.Stream<Arguments> transports() throws IOException {
    return onDevices("loss.Linear.noise.likelihood");
  }

  static java.util.stream.Stream<Arguments> cosines() throws IOException {
    return onDevices("lognorm.cos_loss");
  }

  private static DiffusionLoss loss(Prediction said, Variance variance, DiffusionLoss.Kind kind) {
    NoiseSchedule linear = NoiseSchedule.linear(1000);
    return new DiffusionLoss(new GaussianDiffusion(linear, said, variance), kind);
  }

  private static DiffusionLoss loss(DiffusionLoss.Kind kind) {
    return loss(Prediction.EPSILON, Variance.LEARNED_RANGE, kind);
  }

  /** The file does not say how many heads there are: with the right number the answer fits. */
  static int heads(GoldenFile golden) {
    return GoldenNetwork.heads(
        golden,
        net -> {
          Asked asked = new Asked(net);
          double[] said = net.total(asked.terms(loss(DiffusionLoss.Kind.KL), asked.out));
          return golden.distance("out.vb.clip0", golden.values("out.vb.clip0"), said);
        });
  }

  /** A network of a file with its answer. */
  private static final class Asked {
    final GoldenNetwork net;
    final Tape tape;
    final Tensor out;
    final Tensor noisy;

    Asked(GoldenNetwork net) {
      this.net = net;
      tape = net.tape(Tape.Mode.INFERENCE);
      noisy = of(loss(DiffusionLoss.Kind.KL)).noisy();
      out = net.dit.forward(tape, noisy, net.tensor("in.t"), net.labels("in.y"));
    }

    DenoisingLoss.Corrupted of(DiffusionLoss loss) {
      return net.corrupt(
          loss, tape, net.image("in.x0"), net.image("rnd.noise"), net.golden.values("in.t"));
    }

    List<DenoisingLoss.Term> terms(DiffusionLoss loss, Tensor said) {
      return loss.terms(tape, said, of(loss));
    }

    /** Every term that the file has, and their sum. */
    void compare(String at, DiffusionLoss loss, Tensor said) {
      List<DenoisingLoss.Term> terms = terms(loss, said);
      for (DenoisingLoss.Term term : terms) {
        if (net.golden.has(at + term.name())) {
          double[] values = net.read(term.perSample());
          for (int n = 0; n < values.length; n++) {
            values[n] *= term.weight();
          }
          net.golden.compare(at + term.name(), values);
        }
      }
      net.golden.compare(at + "loss", net.total(terms));
    }
  }

  @ParameterizedTest
  @MethodSource("diffusions")
  void diffusion(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Asked asked = new Asked(net);
      golden.compareNhwc("out.q_sample", net.read(asked.noisy));
      DiffusionLoss bound = loss(DiffusionLoss.Kind.KL);
      golden.compare("out.vb.clip0", net.total(asked.terms(bound, asked.out)));
      asked.compare("out.loss.rescaled_mse.", loss(DiffusionLoss.Kind.RESCALED_MSE), asked.out);
      asked.compare("out.loss.use_kl.", loss(DiffusionLoss.Kind.RESCALED_KL), asked.out);
      asked.compare(
          "out.loss.xstart.",
          loss(Prediction.START, Variance.LEARNED_RANGE, DiffusionLoss.Kind.MSE),
          asked.out);
      Tensor first = asked.tape.apply(new Narrow(3, 0, net.config.channels()), asked.out);
      for (Variance variance : List.of(Variance.FIXED_LARGE, Variance.FIXED_SMALL)) {
        DiffusionLoss fixed = loss(Prediction.EPSILON, variance, DiffusionLoss.Kind.RESCALED_KL);
        golden.compare(
            "out." + variance.name().toLowerCase(java.util.Locale.ROOT) + ".loss.use_kl",
            net.total(asked.terms(fixed, first)));
      }
    }
  }

  /** The bound step by step, with the data cut to ±1 as in the reference's evaluation. */
  @Test
  void boundStepByStep() throws IOException {
    for (Path file : GoldenFile.with("out.bpd_loop.vb", "rnd.bpd_noise")) {
      try (GoldenFile golden = GoldenFile.open(file);
          GoldenNetwork net = new GoldenNetwork(golden, "cpu", heads(golden))) {
        Shape all = golden.shape("rnd.bpd_noise"); // [steps, N, C, H, W]
        GaussianDiffusion spaced =
            GaussianDiffusion.published().respaced(Long.toString(all.dim(0)));
        BitsPerDimension bits = new BitsPerDimension(spaced, net.config.channels(), true);
        int steps = all.size(0);
        int samples = all.size(1);
        float[][] start = samples(golden.nhwc("in.x0"), samples);
        double[] vb = new double[samples * steps];
        double[] startErrors = new double[vb.length];
        double[] noiseErrors = new double[vb.length];
        double[] total = new double[samples];
        double[] prior = new double[samples];
        double[] noises = nhwc(golden.values("rnd.bpd_noise"), all);
        for (int n = 0; n < samples; n++) {
          prior[n] = bits.prior(start[n]);
          total[n] = prior[n];
        }
        for (int column = 0; column < steps; column++) {
          int t = steps - 1 - column;
          float[][] noise = samples(part(noises, column, steps), samples);
          float[][] said = ask(net, spaced, start, noise, t);
          for (int n = 0; n < samples; n++) {
            BitsPerDimension.Step step = bits.step(start[n], noise[n], said[n], t);
            vb[n * steps + column] = step.bits();
            startErrors[n * steps + column] = step.startError();
            noiseErrors[n * steps + column] = step.noiseError();
            total[n] += step.bits();
          }
        }
        golden.compare("out.bpd_loop.vb", vb);
        golden.compare("out.bpd_loop.xstart_mse", startErrors);
        golden.compare("out.bpd_loop.mse", noiseErrors);
        golden.compare("out.bpd_loop.prior_bpd", prior);
        golden.compare("out.bpd_loop.total_bpd", total);
      }
    }
  }

  private static float[][] ask(
      GoldenNetwork net, GaussianDiffusion diffusion, float[][] start, float[][] noise, int t) {
    int samples = start.length;
    int each = start[0].length;
    double[] noisy = new double[samples * each];
    double[] times = new double[samples];
    for (int n = 0; n < samples; n++) {
      float[] x = diffusion.corrupt(start[n], noise[n], t);
      for (int i = 0; i < each; i++) {
        noisy[n * each + i] = x[i];
      }
      times[n] = diffusion.schedule().originalStep(t);
    }
    Tensor x = net.image("in.x0");
    x.set(net.stream, noisy);
    Tensor out =
        net.dit.forward(
            net.tape(Tape.Mode.INFERENCE),
            x,
            net.tensor(Shape.of(samples), times),
            net.labels("in.y"));
    return samples(net.read(out), samples);
  }

  private static double[] part(double[] all, int index, int parts) {
    int each = all.length / parts;
    return java.util.Arrays.copyOfRange(all, index * each, (index + 1) * each);
  }

  private static float[][] samples(double[] all, int samples) {
    float[][] out = new float[samples][all.length / samples];
    for (int i = 0; i < all.length; i++) {
      out[i / out[0].length][i % out[0].length] = (float) all[i];
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("transports")
  void transport(String device, Path file) throws IOException {
    int compared = 0;
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, GoldenDitTest.heads(golden))) {
      Tensor y = net.labels(golden.values("train.in.y"), golden.values("rnd.train.drop"));
      for (String name : golden.names()) {
        String[] part = name.split("\\.");
        if (!part[0].equals("loss")) {
          continue;
        }
        Transport transport =
            new Transport(
                PATHS.get(part[1]), choice(Transport.Prediction.class, part[2]), weight(part[3]));
        TransportLoss loss = new TransportLoss(transport, TransportLoss.Times.UNIFORM, 0);
        String clock = part[2].equals("velocity") ? part[2] : "noise";
        String times = "path." + part[1] + "." + clock + ".t";
        double[] u = golden.values("rnd.train.u");
        golden.compare(times, java.util.Arrays.stream(u).map(x -> loss.time(x, 0)).toArray());
        Tape tape = net.tape(Tape.Mode.INFERENCE);
        DenoisingLoss.Corrupted of =
            net.corrupt(
                loss,
                tape,
                net.image("train.in.x1"),
                net.image("rnd.train.x0"),
                golden.values(times));
        Tensor out = net.dit.forward(tape, of.noisy(), net.tensor(times), y);
        golden.compare(name, net.total(loss.terms(tape, out, of)));
        compared++;
      }
    }
    assertTrue(compared >= 1, "no loss was compared");
  }

  private static <E extends Enum<E>> E choice(Class<E> type, String name) {
    return Enum.valueOf(type, name.toUpperCase(java.util.Locale.ROOT));
  }

  private static Transport.Weight weight(String name) {
    return choice(Transport.Weight.class, name);
  }

  @ParameterizedTest
  @MethodSource("cosines")
  void cosine(String name, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "golden")) {
      TransportLoss published = TransportLoss.published();
      TransportLoss loss =
          new TransportLoss(published.transport(), TransportLoss.Times.LOGISTIC_NORMAL, 1);
      double[] times = golden.values("lognorm.t");
      double[] normals = golden.values("lognorm.normals");
      double[] rows = new double[times.length * loss.columns()];
      for (int n = 0; n < times.length; n++) {
        double t = loss.time(0.5, normals[n]);
        assertEquals(times[n], t, 2e-7);
        System.arraycopy(loss.row(t), 0, rows, n * loss.columns(), loss.columns());
      }
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      DenoisingLoss.Corrupted of =
          loss.corrupt(
              tape,
              image(golden, "lognorm.x1", stream, arena),
              image(golden, "lognorm.x0", stream, arena),
              tensor(stream, arena, Shape.of(times.length, loss.columns()), rows));
      Tensor said = image(golden, "cosine.pred", stream, arena);
      List<DenoisingLoss.Term> terms = loss.terms(tape, said, of);
      golden.compare("lognorm.loss", terms.get(0).perSample().toDoubles(stream));
      golden.compare("lognorm.cos_loss", terms.get(1).perSample().toDoubles(stream));
      assertEquals(List.of("mse", "cosine"), terms.stream().map(DenoisingLoss.Term::name).toList());
    }
  }

  private static Tensor image(GoldenFile golden, String name, Stream stream, TensorArena arena) {
    Shape s = golden.shape(name);
    Shape nhwc = Shape.of(s.dim(0), s.dim(2), s.dim(3), s.dim(1));
    return tensor(stream, arena, nhwc, golden.nhwc(name));
  }

  private static Tensor tensor(Stream stream, TensorArena arena, Shape shape, double... values) {
    Tensor t = arena.tensor(shape, arena.device().dtype());
    t.set(stream, values);
    return t;
  }

  /** Steps are drawn evenly, from the first to the last. */
  @Test
  void stepsAreDrawnEvenly() {
    DiffusionLoss loss = DiffusionLoss.published();
    assertEquals(0, loss.time(1e-9, 0));
    assertEquals(499, loss.time(0.4995, 0));
    assertEquals(999, loss.time(1 - 1e-12, 0));
    assertEquals(0.999, loss.place(999), 1e-12);
  }
}
