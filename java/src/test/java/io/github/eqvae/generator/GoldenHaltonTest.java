package io.github.eqvae.generator;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static io.github.eqvae.testing.GoldenFile.ints;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.ConfidenceSampler;
import io.github.eqvae.diffusion.HaltonSampler;
import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.diffusion.MaskedSampler;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.op.SoftmaxCrossEntropy;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Halton-MaskGIT's transformer and samplers against valeoai/Halton-MaskGIT. */
class GoldenHaltonTest {
  private static final String[] TENSORS = {"cls_emb.weight", "mask.arccos.code", "out.logits"};

  static List<Arguments> onDevices() throws IOException {
    return GoldenFile.onDevices(TENSORS);
  }

  /** The network of a file on a device. */
  private static final class Network implements AutoCloseable {
    final Device device;
    final Stream stream;
    final TensorArena arena;
    final HaltonMaskGit net;

    Network(GoldenFile golden, String device, int heads) {
      int width = golden.shape("tok_emb.weight").size(1);
      MaskGitConfig config =
          new MaskGitConfig(
              MaskGitConfig.Kind.HALTON,
              golden.shape("in.code").size(1),
              golden.shape("tok_emb.weight").size(0) - 1,
              golden.shape("cls_emb.weight").size(0) - 1,
              width,
              depth(golden),
              heads,
              golden.shape("transformer.layers.0.ff.w1.weight").size(0) * 3 / 2,
              golden.shape("reg_tokens.weight").size(0));
      this.device = Device.open(device);
      stream = new Stream(this.device);
      arena = new TensorArena(this.device, "halton", false);
      net = new HaltonMaskGit(config, stream, 0, true);
      TreeSet<String> ours = new TreeSet<>();
      for (Parameter p : net.parameters().all()) {
        ours.add(p.name());
        assertEquals(golden.shape(p.name()), p.shape(), p.name());
        p.value().set(stream, golden.values(p.name()));
      }
      TreeSet<String> theirs = new TreeSet<>(golden.names());
      theirs.removeIf(n -> n.matches("(in|rnd|out|mask|grad|ema3)\\..*|head.weight"));
      assertEquals(theirs, ours);
      assertArrayEquals(golden.values("tok_emb.weight"), golden.values("head.weight"), "tied");
    }

    private static int depth(GoldenFile golden) {
      return (int)
          IntStream.range(0, 100)
              .takeWhile(i -> golden.has("transformer.layers." + i + ".ln1.weight"))
              .count();
    }

    Tensor tokens(int[] codes, int... labels) {
      MaskGitConfig c = net.config();
      int count = c.tokens() + 1;
      int[] tokens = new int[labels.length * count];
      for (int n = 0; n < labels.length; n++) {
        System.arraycopy(codes, n * c.tokens(), tokens, n * count, c.tokens());
        tokens[n * count + c.tokens()] = c.labelToken(labels[n]);
      }
      Tensor t = arena.tensor(Shape.of(labels.length, count), DType.I32);
      t.setInts(stream, tokens);
      return t;
    }

    int[] labels(GoldenFile golden) {
      double[] labels = golden.values("in.y");
      double[] drop = golden.values("rnd.drop");
      int[] out = new int[labels.length];
      Arrays.setAll(out, i -> drop[i] == 1 ? net.config().classes() : (int) labels[i]);
      return out;
    }

    float[] logits(int[] codes, int... labels) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor out = net.forward(tape, tokens(codes, labels), null);
      Tensor dense = arena.tensor(out.shape(), out.dtype());
      out.copyTo(stream, dense);
      float[] values = dense.toFloats(stream);
      arena.reset();
      return values;
    }

    @Override
    public void close() {
      net.close();
      arena.close();
      stream.close();
      device.close();
    }
  }

  /** No name or shape tells the heads: those with the nearest result. */
  private static int heads(GoldenFile golden) {
    int width = golden.shape("tok_emb.weight").size(1);
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int heads : IntStream.rangeClosed(1, width).filter(h -> width % h == 0).toArray()) {
      try (Network net = new Network(golden, "cpu", heads)) {
        float[] out = net.logits(ints(golden.values("mask.arccos.code")), net.labels(golden));
        double distance = golden.distance("out.logits", golden.values("out.logits"), doubles(out));
        best = distance < least ? heads : best;
        least = Math.min(least, distance);
      }
    }
    return best;
  }

  @ParameterizedTest
  @MethodSource("onDevices")
  void itSaysAndLearnsWhatTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        Network net = new Network(golden, device, heads(golden))) {
      int[] masked = ints(golden.values("mask.arccos.code"));
      golden.compare("out.logits", doubles(net.logits(masked, net.labels(golden))));
      int[] codes = ints(golden.values("in.code"));
      Tensor target =
          net.arena.tensor(
              Shape.of(golden.shape("in.code").dim(0), net.net.config().tokens()), DType.I32);
      target.setInts(net.stream, codes);
      Tape tape = new Tape(net.stream, net.arena, Tape.Mode.RECORD);
      Tensor logits = net.net.forward(tape, net.tokens(masked, net.labels(golden)), null);
      Tensor each = tape.apply(new SoftmaxCrossEntropy(), logits, target);
      Tensor loss = tape.apply(new Sum(1.0 / codes.length), each);
      golden.compare("out.loss", new double[] {loss.item(net.stream)});
      tape.backward(List.of(tape.seed(loss, 1)));
      net.net.parameters().gradients(net.stream);
      int compared = 0;
      for (String name : golden.names()) {
        if (name.startsWith("grad.")) {
          Parameter p = net.net.parameters().get(name.substring("grad.".length()));
          golden.compare(name, p.gradient().toDoubles(net.stream));
          compared++;
        }
      }
      assertEquals(net.net.parameters().all().size(), compared);
    }
  }

  /** Here linear hides 1 − r, square 1 − r²: as Maskgit-pytorch's of 1 − r and of √(1 − r²). */
  @Test
  void codesAreMaskedAsInTheReference() throws IOException {
    for (Path file : GoldenFile.with(TENSORS)) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        double[] r = golden.values("rnd.r");
        double[] u = golden.values("rnd.u");
        double[] code = golden.values("in.code");
        int each = u.length / r.length;
        int mask = golden.shape("tok_emb.weight").size(0) - 1;
        for (MaskSchedule schedule : MaskSchedule.values()) {
          String name = "mask." + schedule.name().toLowerCase(Locale.ROOT) + ".";
          double[] masked = new double[u.length];
          double[] codes = code.clone();
          for (int i = 0; i < u.length; i++) {
            masked[i] = u[i] < schedule.haltonFraction(r[i / each]) ? 1 : 0;
            codes[i] = masked[i] == 1 ? mask : codes[i];
          }
          assertArrayEquals(golden.values(name + "mask"), masked, name);
          assertArrayEquals(golden.values(name + "code"), codes, name);
        }
      }
    }
  }

  /** Runs of the file of samples, as README of the files describes them. */
  private static final Map<String, MaskedSampler> RUNS =
      Map.of(
          "halton", new HaltonSampler(8, 2, HaltonSampler.Sharpness.NONE, 0, false),
          "halton_rand_topk",
              new HaltonSampler(6, 1.5, new HaltonSampler.Sharpness(0.8, 1.4, 1, 2), 10, true),
          "halton_nocfg", new HaltonSampler(5, 0, HaltonSampler.Sharpness.NONE, 0, false),
          "conf", new ConfidenceSampler(MaskSchedule.ARCCOS, 6, 2, 3, 1, true));

  /** Codes, logits and the places that are given, step by step, with the reference's draws. */
  @Test
  void samplesAreTheReferences() throws IOException {
    List<Path> samples = GoldenFile.with("halton.pred", "halton.logits0");
    assertTrue(samples.size() >= 1);
    for (Path file : samples) {
      Path model =
          file.resolveSibling(file.getFileName().toString().replace("_sampling", "_model"));
      try (GoldenFile golden = GoldenFile.open(file);
          GoldenFile weights = GoldenFile.open(model);
          Network net = new Network(weights, "cpu", heads(weights))) {
        for (String name : RUNS.keySet()) {
          for (int n = 0; n < golden.values("in.labels").length; n++) {
            new Run(golden, net, name, n).compare();
          }
        }
      }
    }
  }

  /** One picture of a run. */
  private record Run(GoldenFile golden, Network net, String name, int sample) {
    private double at(String tensor, int step, int place) {
      Shape shape = golden.shape(name + "." + tensor);
      int pictures = shape.size(1);
      int places = net.net.config().tokens();
      return golden.values(name + "." + tensor)[(step * pictures + sample) * places + place];
    }

    void compare() {
      MaskedSampler sampler = RUNS.get(name);
      MaskGitConfig c = net.net.config();
      int steps = golden.shape(name + ".pred").size(0);
      assertEquals(steps, sampler.steps());
      sharpness(sampler, steps);
      int label = (int) golden.values("in.labels")[sample];
      int[] step = {0};
      int[] start = new int[c.tokens()];
      Arrays.fill(start, c.mask());
      int[] before = start.clone();
      int[] out =
          sampler.sample(
              (codes, labelled) -> logits(step[0], codes, labelled, label),
              start,
              c.mask(),
              draws(),
              (codes, at) -> {
                given(at, before, codes);
                System.arraycopy(codes, 0, before, 0, codes.length);
                step[0] = at + 1;
              });
      double[] last = golden.values(name + ".final");
      for (int i = 0; i < out.length; i++) {
        assertEquals(last[sample * out.length + i], out[i], name + " code " + i);
      }
    }

    /** The reference's vector is before the power and the halving of the first steps. */
    private void sharpness(MaskedSampler sampler, int steps) {
      if (sampler instanceof HaltonSampler halton) {
        HaltonSampler.Sharpness s = halton.sharpness();
        double[] vector = golden.values(name + ".temperature");
        for (int i = 0; i < steps; i++) {
          assertEquals(vector[i], s.at(i, steps) * (i < s.halved() ? 2 : 1), 1e-6, name);
        }
      }
    }

    private float[] logits(int step, int[] codes, boolean labelled, int label) {
      for (int i = 0; i < codes.length; i++) {
        assertEquals(at("code_in", step, i), codes[i], name + " code " + i + " before " + step);
      }
      float[] out = net.logits(codes, labelled ? label : net.net.config().classes());
      String stored = name + ".logits" + step;
      if (golden.has(stored)) {
        double[] all = golden.values(stored);
        double largest = Arrays.stream(all).map(Math::abs).max().orElseThrow();
        int pictures = golden.shape(name + ".final").size(0);
        int row = labelled ? sample : pictures + sample;
        for (int i = 0; i < out.length; i++) {
          // README of the files: raw logits beside sampling runs, 1e-5 of the largest.
          assertEquals(all[row * out.length + i], out[i], 1e-5 * largest, stored + " " + i);
        }
      }
      return out;
    }

    private MaskedSampler.Draws draws() {
      return new MaskedSampler.Draws() {
        @Override
        public int code(int step, int place, float[] probabilities) {
          int code = (int) at("pred", step, place);
          assertTrue(probabilities[code] > 0, name + " draws what cannot be drawn");
          return code;
        }

        @Override
        public double gumbel(int step, int place) {
          return at("gumbel", step, place);
        }

        @Override
        public int offset(int places) {
          return (int) golden.values(name + ".rnd.offsets")[sample];
        }
      };
    }

    /** Which places were given in a step, or are masked after it. */
    private void given(int step, int[] before, int[] codes) {
      int mask = net.net.config().mask();
      for (int i = 0; i < codes.length; i++) {
        if (golden.has(name + ".mask")) {
          boolean given = at("mask", step, i) == 1;
          assertTrue(given || before[i] == codes[i], name + " place " + i + " of step " + step);
          assertTrue(!given || codes[i] == (int) at("pred", step, i), name + " place " + i);
        } else {
          assertEquals(at("mask_after", step, i) == 1, codes[i] == mask, name + " place " + i);
        }
      }
    }
  }
}
