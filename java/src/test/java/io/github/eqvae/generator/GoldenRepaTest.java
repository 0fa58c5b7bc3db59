package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** SiT with projectors, and its loss, against what sihyun-yu/REPA computes. */
class GoldenRepaTest {
  private static final double PROJECTION = 0.5; // as README of the files says

  private static final String[] TENSORS = {"projectors.0.0.weight", "fwd.z0", "train.in.target0"};

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

  private static Dit.Aligned forward(GoldenNetwork net) {
    return net.dit.forwardAligned(
        net.tape(Tape.Mode.INFERENCE),
        net.image("fwd.in.x"),
        net.tensor("fwd.in.t"),
        net.labels("fwd.in.y"));
  }

  /** Neither heads nor depth are in a name or shape: those with the nearest results. */
  private static GoldenNetwork open(GoldenFile golden, String device) throws IOException {
    int heads = GoldenDitTest.heads(golden);
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    int depth =
        (int)
            IntStream.range(0, 100)
                .takeWhile(i -> golden.has("blocks." + i + ".attn.qkv.weight"))
                .count();
    for (int after = 1; after <= depth; after++) {
      try (GoldenNetwork net = new GoldenNetwork(golden, "cpu", heads, "", after)) {
        double[] z = net.read(forward(net).features().getFirst());
        double distance = golden.distance("fwd.z0", golden.values("fwd.z0"), z);
        best = distance < least ? after : best;
        least = Math.min(least, distance);
      }
    }
    return new GoldenNetwork(golden, device, heads, "", best);
  }

  @ParameterizedTest
  @MethodSource("onDevices")
  void answerAndFeaturesAreTheReferences(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = open(golden, device)) {
      Dit.Aligned out = forward(net);
      golden.compareNhwc("fwd.out", net.read(out.output()));
      for (int i = 0; i < out.features().size(); i++) {
        golden.compare("fwd.z" + i, net.read(out.features().get(i)));
      }
    }
  }

  /** A network that takes or gives each channel for the next one is not taken for the reference. */
  @Test
  void aShiftedChannelIsSeen() throws IOException {
    for (Path file : files()) {
      try (GoldenFile golden = GoldenFile.open(file);
          GoldenNetwork net = open(golden, "cpu")) {
        Shape s = golden.shape("fwd.in.x");
        double[] latents = shifted(golden.nhwc("fwd.in.x"), s.size(1));
        Dit.Aligned of =
            net.dit.forwardAligned(
                net.tape(Tape.Mode.INFERENCE),
                net.tensor(Shape.of(s.dim(0), s.dim(2), s.dim(3), s.dim(1)), latents),
                net.tensor("fwd.in.t"),
                net.labels("fwd.in.y"));
        double[] expected = golden.nhwc("fwd.out");
        assertTrue(golden.distance("fwd.out", expected, net.read(of.output())) > 1);
        double[] features = golden.values("fwd.z0");
        double[] others = net.read(of.features().getFirst());
        assertTrue(golden.distance("fwd.z0", features, others) > 1);
        Dit.Aligned right = forward(net);
        double[] output = shifted(net.read(right.output()), s.size(1));
        assertTrue(golden.distance("fwd.out", expected, output) > 1);
        double[] z = net.read(right.features().getFirst());
        double[] turned = shifted(z, golden.shape("fwd.z0").size(2));
        assertTrue(golden.distance("fwd.z0", features, turned) > 1);
      }
    }
  }

  private static double[] shifted(double[] values, int channels) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i - i % channels + (i + 1) % channels];
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("onDevices")
  void itLearnsAsTheReferenceDoes(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        GoldenNetwork net = open(golden, device)) {
      Map<String, Interpolant> paths =
          Map.of("linear", Interpolant.LINEAR, "cosine", Interpolant.GVP);
      for (Map.Entry<String, Interpolant> path : paths.entrySet()) {
        for (RepaLoss.Times times : RepaLoss.Times.values()) {
          String name =
              "loss." + path.getKey() + "." + times.name().toLowerCase(java.util.Locale.ROOT) + ".";
          boolean gradients = name.equals("loss.linear.uniform.");
          learn(golden, net, new RepaLoss(path.getValue(), times), name, gradients);
        }
      }
    }
  }

  private static void learn(
      GoldenFile golden, GoldenNetwork net, RepaLoss loss, String name, boolean gradients) {
    Tape tape = net.tape(Tape.Mode.RECORD);
    double[] uniform = golden.values("rnd.train.u");
    double[] normal = golden.values("rnd.train.normal");
    double[] times = new double[uniform.length];
    Arrays.setAll(times, n -> loss.time(uniform[n], normal[n]));
    DenoisingLoss.Corrupted of =
        net.corrupt(loss, tape, net.image("train.in.images"), net.image("rnd.train.noise"), times);
    Tensor t = net.tensor(Shape.of(times.length), times);
    Tensor y = net.labels(golden.values("train.in.y"), golden.values("rnd.train.drop"));
    Dit.Aligned out = net.dit.forwardAligned(tape, of.noisy(), t, y);
    List<DenoisingLoss.Term> terms = loss.terms(tape, out.output(), of);
    golden.compare(name + "denoise", net.total(terms));
    List<Tensor> targets = new ArrayList<>();
    for (int i = 0; i < out.features().size(); i++) {
      targets.add(net.tensor("train.in.target" + i));
    }
    List<RepaLoss.Projection> alignment =
        RepaLoss.alignment(tape, out.features(), targets, PROJECTION);
    double mean = 0;
    for (RepaLoss.Projection part : alignment) {
      mean += part.value().item(net.stream) / alignment.size();
    }
    golden.compare(name + "proj", new double[] {mean});
    if (gradients) {
      List<Seed> seeds = new ArrayList<>(GoldenNetwork.seeds(tape, terms));
      alignment.forEach(part -> seeds.add(tape.seed(part.value(), part.weight())));
      tape.backward(seeds);
      double squares = 0;
      for (double g : net.dit.parameters().gradients(net.stream).toDoubles(net.stream)) {
        squares += g * g;
      }
      double norm = golden.values("grad_total_norm")[0];
      assertEquals(norm, Math.sqrt(squares), 1e-5 * norm);
      net.compareGradients();
    }
  }

  /** SiT-XL/2 with DINOv2-B's features, as REPA publishes it. */
  @Test
  void thePublishedNetworkHasItsParameters() {
    DitConfig velocity = PublishedNetworks.repa(DitSize.XL);
    try (Device device = Device.open("null");
        Stream stream = new Stream(device)) {
      Dit plain = new Dit(velocity, stream, 0, false);
      Dit repa = new Dit(velocity, new Alignment(8, 2048, List.of(768)), stream, 0, false);
      try {
        long projector = (1152L + 1) * 2048 + (2048L + 1) * 2048 + (2048L + 1) * 768;
        assertEquals(projector, repa.parameters().count() - plain.parameters().count());
        // XL/2 has 675,129,632 with learn_sigma and the table of positions.
        long positions = 256L * 1152;
        long variance = (1152L + 1) * 16;
        assertEquals(675_129_632L - positions - variance, plain.parameters().count());
      } finally {
        plain.parameters().close();
        repa.parameters().close();
      }
    }
  }
}
