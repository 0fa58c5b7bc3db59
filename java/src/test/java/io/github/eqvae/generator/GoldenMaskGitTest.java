package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.ConfidenceSampler;
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
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** MaskGIT's transformer against what valeoai/Maskgit-pytorch computes with the same weights. */
class GoldenMaskGitTest {
  private static final double SMOOTHING = 0.1; // as README of the files says

  private static final String[] TENSORS = {
    "first_layer.0.weight", "mask.arccos.code", "out.logits"
  };

  private static List<Path> files() throws IOException {
    return GoldenFile.with(TENSORS);
  }

  static List<Arguments> onDevices() throws IOException {
    return GoldenFile.onDevices(TENSORS);
  }

  @Test
  void theFilesAreThere() throws IOException {
    assertTrue(files().size() >= 1);
  }

  /** The network of a file on a device. */
  private static final class Network implements AutoCloseable {
    final Device device;
    final Stream stream;
    final TensorArena arena;
    final MaskGit net;

    Network(GoldenFile golden, String device, int heads) {
      Shape codes = golden.shape("in.code");
      int width = golden.shape("tok_emb.weight").size(1);
      int known = golden.shape("out.logits").size(2) - 1;
      int classes = golden.shape("tok_emb.weight").size(0) - known - 2;
      int depth =
          (int)
              IntStream.range(0, 100)
                  .takeWhile(i -> golden.has("transformer.layers." + i + ".0.norm.weight"))
                  .count();
      int hidden = golden.shape("transformer.layers.0.1.fn.net.0.weight").size(0);
      this.device = Device.open(device);
      stream = new Stream(this.device);
      arena = new TensorArena(this.device, "maskgit", false);
      net =
          new MaskGit(
              MaskGitConfig.of(codes.size(1), known, classes, width, depth, heads, hidden),
              stream,
              0,
              true);
      TreeSet<String> ours = new TreeSet<>();
      for (Parameter p : net.parameters().all()) {
        ours.add(p.name());
        assertEquals(golden.shape(p.name()), p.shape(), p.name());
        p.value().set(stream, golden.values(p.name()));
      }
      TreeSet<String> theirs = new TreeSet<>(golden.names());
      theirs.removeIf(n -> n.matches("(in|rnd|out|mask|grad)\\..*"));
      assertEquals(theirs, ours);
    }

    Tensor tokens(GoldenFile golden) {
      double[] codes = golden.values("mask.arccos.code");
      double[] labels = golden.values("in.y");
      double[] drop = golden.values("rnd.drop");
      MaskGitConfig c = net.config();
      int count = c.tokens() + 1;
      int[] tokens = new int[labels.length * count];
      for (int n = 0; n < labels.length; n++) {
        for (int i = 0; i < c.tokens(); i++) {
          tokens[n * count + i] = (int) codes[n * c.tokens() + i];
        }
        int label = drop[n] == 1 ? c.classes() : (int) labels[n];
        tokens[n * count + c.tokens()] = c.labelToken(label);
      }
      Tensor t = arena.tensor(Shape.of(labels.length, count), DType.I32);
      t.setInts(stream, tokens);
      return t;
    }

    double[] logits(GoldenFile golden, Tape.Mode mode) {
      Tensor out = net.forward(new Tape(stream, arena, mode), tokens(golden), null);
      Tensor dense = arena.tensor(out.shape(), out.dtype());
      out.copyTo(stream, dense);
      return dense.toDoubles(stream);
    }

    /** Of one picture. */
    float[] logits(int[] codes, int label) {
      int[] tokens = Arrays.copyOf(codes, codes.length + 1);
      tokens[codes.length] = net.config().labelToken(label);
      Tensor t = arena.tensor(Shape.of(1, tokens.length), DType.I32);
      t.setInts(stream, tokens);
      Tensor out = net.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), t, null);
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
  static int heads(GoldenFile golden) {
    int width = golden.shape("tok_emb.weight").size(1);
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int heads : IntStream.rangeClosed(1, width).filter(h -> width % h == 0).toArray()) {
      try (Network net = new Network(golden, "cpu", heads)) {
        double distance =
            golden.distance(
                "out.logits", golden.values("out.logits"), net.logits(golden, Tape.Mode.INFERENCE));
        best = distance < least ? heads : best;
        least = Math.min(least, distance);
      }
    }
    return best;
  }

  @ParameterizedTest
  @MethodSource("onDevices")
  void logitsAreTheReferences(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        Network net = new Network(golden, device, heads(golden))) {
      golden.compare("out.logits", net.logits(golden, Tape.Mode.INFERENCE));
    }
  }

  /** Of every token, the masked and the others, as the reference takes it. */
  @ParameterizedTest
  @MethodSource("onDevices")
  void itLearnsAsTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        Network net = new Network(golden, device, heads(golden))) {
      double[] codes = golden.values("in.code");
      int[] labels = new int[codes.length];
      Arrays.setAll(labels, i -> (int) codes[i]);
      Tensor target =
          net.arena.tensor(
              Shape.of(golden.shape("in.code").dim(0), net.net.config().tokens()), DType.I32);
      target.setInts(net.stream, labels);
      Sum mean = new Sum(1.0 / labels.length);
      Tape tape = new Tape(net.stream, net.arena, Tape.Mode.RECORD);
      Tensor logits = net.net.forward(tape, net.tokens(golden), null);
      Tensor plain = tape.apply(mean, tape.apply(new SoftmaxCrossEntropy(), logits, target));
      golden.compare("out.ce_plain", new double[] {plain.item(net.stream)});
      Tensor loss =
          tape.apply(mean, tape.apply(new SoftmaxCrossEntropy(SMOOTHING), logits, target));
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
      assertTrue(compared > 0);
    }
  }

  /** A run of the file of samples, as README of the files describes it. */
  private record Run(
      MaskSchedule schedule, double guidance, double noise, double sharpness, boolean given) {}

  private static final java.util.Map<String, Run> RUNS =
      java.util.Map.of(
          "arccos_cfg", new Run(MaskSchedule.ARCCOS, 3, 4.5, 1, false),
          "cosine_nocfg", new Run(MaskSchedule.COSINE, 0, 2, 1.3, false),
          "linear_notemp", new Run(MaskSchedule.LINEAR, 2, 0, 1, false),
          "arccos_partial", new Run(MaskSchedule.ARCCOS, 1, 4.5, 1, true));

  /** Codes, logits and the places that are kept, step by step, with the reference's draws. */
  @Test
  void samplesAreTheReferences() throws IOException {
    List<Path> samples = GoldenFile.with("arccos_cfg.pred", "arccos_cfg.logits0");
    assertTrue(samples.size() >= 1);
    for (Path file : samples) {
      try (GoldenFile golden = GoldenFile.open(file);
          GoldenFile weights =
              GoldenFile.open(
                  file.resolveSibling(
                      file.getFileName().toString().replace("_sampling", "_model")));
          Network net = new Network(weights, "cpu", heads(weights))) {
        for (String name : RUNS.keySet()) {
          if (golden.has(name + ".final")) {
            sample(golden, net, name);
          }
        }
      }
    }
  }

  private static void sample(GoldenFile golden, Network net, String name) {
    Run run = RUNS.get(name);
    MaskGitConfig c = net.net.config();
    double[] labels = golden.values("in.labels");
    double[] preds = golden.values(name + ".pred");
    double[] in = golden.values(name + ".code_in");
    double[] gumbel = golden.has(name + ".gumbel") ? golden.values(name + ".gumbel") : preds;
    double[] last = golden.values(name + ".final");
    double[] after = golden.values(name + ".mask_after");
    if (golden.has(name + ".init_code")) {
      double[] first = Arrays.copyOf(in, labels.length * c.tokens());
      assertArrayEquals(golden.values(name + ".init_code"), first, name);
    }
    int steps = golden.shape(name + ".schedule").size(0);
    int[] schedule = run.schedule().counts(c.tokens(), steps);
    for (int i = 0; i < steps; i++) {
      assertEquals(golden.values(name + ".schedule")[i], schedule[i], name + " step " + i);
    }
    MaskedSampler sampler =
        new ConfidenceSampler(
            run.schedule(), steps, run.guidance(), run.noise(), run.sharpness(), false);
    for (int n = 0; n < labels.length; n++) {
      int sample = n;
      int[] start = new int[c.tokens()];
      for (int i = 0; i < start.length; i++) {
        start[i] = (int) in[n * c.tokens() + i];
      }
      MaskedSampler.Draws draws =
          new MaskedSampler.Draws() {
            @Override
            public int code(int step, int place, float[] probabilities) {
              return (int) preds[(step * labels.length + sample) * c.tokens() + place];
            }

            @Override
            public double gumbel(int step, int place) {
              return gumbel[(step * labels.length + sample) * c.tokens() + place];
            }

            @Override
            public int offset(int places) {
              return 0;
            }
          };
      int[] steps0 = {0};
      MaskedSampler.Network network =
          (codes, labelled) -> {
            float[] out = net.logits(codes, labelled ? (int) labels[sample] : c.classes());
            String logits = name + ".logits" + steps0[0];
            if (golden.has(logits)) {
              compareRows(golden, logits, labelled ? sample : labels.length + sample, out);
            }
            return out;
          };
      int[] out =
          sampler.sample(
              network,
              start,
              c.mask(),
              draws,
              (codes, step) -> {
                steps0[0] = step + 1;
                for (int i = 0; i < codes.length; i++) {
                  boolean drawn = false; // a mask can be drawn as a code, and stays to the end
                  for (int k = 0; k <= step; k++) {
                    int at = (k * labels.length + sample) * c.tokens() + i;
                    drawn |= preds[at] == c.mask();
                  }
                  int at = (step * labels.length + sample) * c.tokens() + i;
                  assertTrue(
                      after[at] == 1 ? codes[i] == c.mask() : codes[i] != c.mask() || drawn,
                      name + " place " + i + " after step " + step);
                }
                for (int i = 0; step + 1 < steps && i < codes.length; i++) {
                  int at = ((step + 1) * labels.length + sample) * c.tokens() + i;
                  if (at < in.length) {
                    assertEquals(in[at], codes[i], name + " code " + i + " after step " + step);
                  }
                }
              });
      for (int i = 0; i < out.length; i++) {
        assertEquals(last[n * c.tokens() + i], out[i], name + " code " + i);
      }
    }
  }

  /** README of the files: raw logits beside sampling runs, 1e-5 of the largest. */
  private static void compareRows(GoldenFile golden, String name, int row, float[] actual) {
    double[] all = golden.values(name);
    double largest = Arrays.stream(all).map(Math::abs).max().orElseThrow();
    for (int i = 0; i < actual.length; i++) {
      assertEquals(all[row * actual.length + i], actual[i], 1e-5 * largest, name + " " + i);
    }
  }

  @Test
  void codesAreMaskedAsInTheReference() throws IOException {
    for (Path file : files()) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        double[] r = golden.values("rnd.r");
        double[] u = golden.values("rnd.u");
        double[] code = golden.values("in.code");
        int each = u.length / r.length;
        int mask = golden.shape("out.logits").size(2) - 1;
        for (MaskSchedule schedule : MaskSchedule.values()) {
          String name = "mask." + schedule.name().toLowerCase(Locale.ROOT) + ".";
          if (golden.has(name + "mask")) {
            double[] masked = new double[u.length];
            double[] codes = code.clone();
            for (int i = 0; i < u.length; i++) {
              masked[i] = u[i] < schedule.fraction(r[i / each]) ? 1 : 0;
              codes[i] = masked[i] == 1 ? mask : codes[i];
            }
            assertArrayEquals(golden.values(name + "mask"), masked, name);
            assertArrayEquals(golden.values(name + "code"), codes, name);
          }
        }
      }
    }
  }

  @Test
  void thePublishedNetworkHasItsParameters() {
    try (Device device = Device.open("null");
        Stream stream = new Stream(device);
        MaskGit net = new MaskGit(MaskGitConfig.published(), stream, 0, false)) {
      assertEquals(174_160_874L, net.parameters().count());
    }
  }
}
