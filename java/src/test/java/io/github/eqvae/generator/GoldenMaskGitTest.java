package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
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
  private static List<Path> files() throws IOException {
    return GoldenFile.with("first_layer.0.weight", "mask.arccos.code", "out.logits");
  }

  static List<Arguments> onDevices() throws IOException {
    List<Arguments> all = new ArrayList<>();
    for (Path file : files()) {
      Devices.computing().forEach(device -> all.add(Arguments.of(device, file)));
    }
    return all;
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
              new MaskGitConfig(codes.size(1), known, classes, width, depth, heads, hidden),
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
      Tensor out = net.forward(new Tape(stream, arena, mode), tokens(golden));
      Tensor dense = arena.tensor(out.shape(), out.dtype());
      out.copyTo(stream, dense);
      return dense.toDoubles(stream);
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
