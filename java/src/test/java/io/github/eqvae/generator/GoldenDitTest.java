package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.TransportLoss;
import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.Permute;
import io.github.eqvae.op.Rope;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The network against what facebookresearch/DiT, willisma/SiT and hustvl/LightningDiT compute with
 * the same weights: values on the way, results, and gradients of every weight, on every device.
 * Another folder of such files is taken with {@code -Deqvae.golden=DIR}; shapes and depths come
 * from the files.
 */
class GoldenDitTest {
  private static final String[] DIT = {"fwd.mid.block0", "rnd.train.noise"};
  private static final String[] SIT = {"fwd.out", "rnd.train.x0", "path.Linear.velocity.xt"};
  private static final String[] LIGHTNING = {"in.cotangent", "block.in.cotangent", "rope.in"};

  /** How often LightningDiT's files added up the gradients of inputs. */
  private static final int PASSES = 2;

  private static Stream<Arguments> onDevices(String... tensors) throws IOException {
    return GoldenFile.onDevices(tensors).stream();
  }

  static Stream<Arguments> dits() throws IOException {
    return onDevices(DIT);
  }

  static Stream<Arguments> sits() throws IOException {
    return onDevices(SIT);
  }

  static Stream<Arguments> lightnings() throws IOException {
    return onDevices(LIGHTNING);
  }

  @Test
  void theFilesAreThere() throws IOException {
    for (String[] kind : new String[][] {DIT, SIT, LIGHTNING}) {
      assertTrue(GoldenFile.with(kind).size() >= 1, () -> "no file has " + String.join(", ", kind));
    }
  }

  /** With rotary embeddings a shape says how many heads there are. */
  static int heads(GoldenFile golden) {
    if (golden.has("rope.in")) {
      return golden.shape("x_embedder.proj.weight").size(0) / golden.shape("rope.in").size(3);
    }
    return GoldenNetwork.heads(
        golden,
        net -> {
          double[] out = net.read(first(net, forward(net, Tape.Mode.INFERENCE)));
          return golden.distance("fwd.out", golden.nhwc("fwd.out"), out);
        });
  }

  private static Tensor forward(GoldenNetwork net, Tape.Mode mode) {
    return net.dit.forward(
        net.tape(mode), net.image("fwd.in.x"), net.tensor("fwd.in.t"), net.labels("fwd.in.y"));
  }

  /** As many channels as the file's result has: SiT drops what DiT would call the variance. */
  private static Tensor first(GoldenNetwork net, Tensor out) {
    return out.narrow(3, 0, net.golden.shape("fwd.out").dim(1));
  }

  @ParameterizedTest
  @MethodSource("dits")
  void ditComputesWhatTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Tape tape = net.tape(Tape.Mode.RECORD);
      Tensor x = net.image("fwd.in.x");
      Tensor t = net.tensor("fwd.in.t");
      Tensor y = net.labels("fwd.in.y");
      golden.compare("fwd.mid.t_freq", net.read(tape.apply(TimestepEmbedder.WAVES, t)));
      Tensor c = net.dit.condition(tape, t, y);
      golden.compare("fwd.mid.c", net.read(c));
      golden.compare("fwd.mid.patches", net.read(net.dit.patches(tape, x)));
      Tensor block = net.dit.block(tape, 0, net.dit.tokens(tape, x), tape.apply(new Silu(), c));
      golden.compare("fwd.mid.block0", net.read(block));
      golden.compareNhwc("fwd.out", net.read(net.dit.forward(tape, x, t, y)));
    }
  }

  @ParameterizedTest
  @MethodSource("dits")
  void ditLearnsAsTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      GaussianDiffusion published = GaussianDiffusion.published();
      GaussianDiffusion diffusion =
          net.config.learnSigma()
              ? published
              : new GaussianDiffusion(
                  published.schedule(),
                  published.prediction(),
                  GaussianDiffusion.Variance.FIXED_LARGE);
      DiffusionLoss loss = new DiffusionLoss(diffusion, DiffusionLoss.Kind.MSE);
      Tensor y = net.labels(golden.values("train.in.y"), golden.values("rnd.train.drop"));
      double[][] gradients = new double[2][];
      for (Tape.Mode mode : List.of(Tape.Mode.RECORD, Tape.Mode.RECOMPUTE)) {
        Tape tape = net.tape(mode);
        DenoisingLoss.Corrupted of =
            net.corrupt(
                loss,
                tape,
                net.image("train.in.x0"),
                net.image("rnd.train.noise"),
                golden.values("train.in.t"));
        Tensor out = net.dit.forward(tape, of.noisy(), net.tensor("train.in.t"), y);
        List<DenoisingLoss.Term> terms = loss.terms(tape, out, of);
        for (DenoisingLoss.Term term : terms) {
          golden.compare("train.out." + term.name(), net.read(term.perSample()));
        }
        golden.compare("train.out.loss", net.total(terms));
        tape.backward(GoldenNetwork.seeds(tape, terms));
        gradients[mode == Tape.Mode.RECORD ? 0 : 1] =
            net.dit.parameters().gradients(net.stream).toDoubles(net.stream);
        net.compareGradients();
      }
      assertArrayEquals(gradients[0], gradients[1], "recomputed blocks give the same bits");
    }
  }

  @ParameterizedTest
  @MethodSource("sits")
  void sitComputesWhatTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Tensor out = forward(net, Tape.Mode.INFERENCE);
      golden.compareNhwc("fwd.out", net.read(first(net, out)));
    }
  }

  @ParameterizedTest
  @MethodSource("sits")
  void sitLearnsAsTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Tape tape = net.tape(Tape.Mode.RECORD);
      TransportLoss loss = TransportLoss.published();
      String at = "path.Linear.velocity.";
      DenoisingLoss.Corrupted of =
          net.corrupt(
              loss,
              tape,
              net.image("train.in.x1"),
              net.image("rnd.train.x0"),
              golden.values(at + "t"));
      golden.compareNhwc(at + "xt", net.read(of.noisy()));
      Tensor y = net.labels(golden.values("train.in.y"), golden.values("rnd.train.drop"));
      Tensor out = net.dit.forward(tape, of.noisy(), net.tensor(at + "t"), y);
      List<DenoisingLoss.Term> terms = loss.terms(tape, out, of);
      golden.compare("loss.Linear.velocity.None", net.total(terms));
      tape.backward(GoldenNetwork.seeds(tape, terms));
      net.compareGradients();
    }
  }

  @ParameterizedTest
  @MethodSource("lightnings")
  void lightningDitComputesAndLearnsAsTheReferenceDoes(String device, Path file)
      throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Tape tape = net.tape(Tape.Mode.RECORD);
      Tensor x = tape.watch(net.image("in.x"));
      Tensor out = net.dit.forward(tape, x, net.tensor("in.t"), net.labels("in.y"));
      golden.compareNhwc("out", net.read(out));
      Seed seed = new Seed(out, net.image("in.cotangent"));
      double[] dx = net.read(tape.gradients(List.of(seed), List.of(x)).get(x));
      golden.compareNhwc("grad_in.x", accumulated(dx));
      tape.backward(List.of(seed));
      net.compareGradients();
    }
  }

  @ParameterizedTest
  @MethodSource("lightnings")
  void lightningDitsBlockComputesWhatTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Tape tape = net.tape(Tape.Mode.RECORD);
      Tensor x = tape.watch(net.tensor("block.in.x"));
      Tensor c = tape.watch(net.tensor("block.in.c"));
      Tensor out = net.dit.block(tape, 0, x, tape.apply(new Silu(), c));
      golden.compare("block.out", net.read(out));
      Seed seed = new Seed(out, net.tensor("block.in.cotangent"));
      Map<Tensor, Tensor> gradients = tape.gradients(List.of(seed), List.of(x, c));
      golden.compare("block.grad.x", accumulated(net.read(gradients.get(x))));
      golden.compare("block.grad.c", accumulated(net.read(gradients.get(c))));
      if (golden.has("rmsnorm.out")) {
        Tensor weight = net.dit.parameters().get("blocks.0.norm1.weight").value();
        golden.compare(
            "rmsnorm.out", net.read(tape.apply(new LayerNorm(Layers.EPS, true), x, weight)));
      }
    }
  }

  /**
   * LightningDiT's files have twice the gradients of Σ out·cotangent for inputs, of the network and
   * of a block: PyTorch added two backward passes up. Those of weights were cleared in between.
   */
  private static double[] accumulated(double... gradient) {
    return java.util.Arrays.stream(gradient).map(v -> PASSES * v).toArray();
  }

  @ParameterizedTest
  @MethodSource("lightnings")
  void headsAreTurnedAsTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = new GoldenNetwork(golden, device, heads(golden))) {
      Shape s = golden.shape("rope.in"); // [1, heads, T, size]
      Tape tape = net.tape(Tape.Mode.INFERENCE);
      Tensor x = tape.apply(Permute.of(0, 2, 1, 3), net.tensor("rope.in"));
      Tensor turned =
          tape.apply(
              new Rope(s.size(1)),
              x,
              net.dit.parameters().get("feat_rope.freqs_cos").value(),
              net.dit.parameters().get("feat_rope.freqs_sin").value());
      golden.compare("rope.out", net.read(tape.apply(Permute.of(0, 2, 1, 3), turned)));
    }
  }
}
