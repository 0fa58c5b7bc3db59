package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Steps of facebookresearch/DiT's training loop: losses, weights, moments and the average. */
class GoldenTrajectoryTest {
  /** What the loop's calls are made with; the files' sections say it, no tensor does. */
  private record Settings(double rate, double weightDecay, double emaDecay) {
    static Settings of(GoldenFile golden) {
      return golden.toString().contains("strong")
          ? new Settings(0.003, 0.05, 0.9)
          : new Settings(1e-4, 0, 0.9999);
    }
  }

  static Stream<Arguments> files() throws IOException {
    String[] tensors = {"rnd.drop", "ema20.t_embedder.mlp.0.bias"};
    assertTrue(GoldenFile.with(tensors).size() >= 2);
    return GoldenFile.onDevices(tensors).stream();
  }

  /** A run of the loop. */
  private static final class Loop implements AutoCloseable {
    final GoldenFile golden;
    final GoldenNetwork net;
    final ParameterStore store;
    final AdamOptimizer optimizer;
    final Ema average;
    final Settings settings;
    final DiffusionLoss loss = DiffusionLoss.published();

    Loop(GoldenFile golden, String device, int heads) {
      this.golden = golden;
      net = new GoldenNetwork(golden, device, heads, "init.");
      store = net.dit.parameters();
      settings = Settings.of(golden);
      AdamSettings adam = new AdamSettings(0.9, 0.999, 1e-8, settings.weightDecay, true);
      optimizer = new AdamOptimizer(store, net.stream, adam);
      average = new Ema(store, net.stream);
    }

    /** One step of the batch of that number, as the file has it. */
    double step(int index) {
      Shape all = golden.shape("in.x0"); // [steps, N, C, H, W]
      int n = all.size(1);
      Shape each = Shape.of(n, all.dim(3), all.dim(4), all.dim(2));
      double[] times = part("in.t", index, n);
      Tape tape = net.tape(Tape.Mode.RECORD);
      DenoisingLoss.Corrupted of =
          net.corrupt(
              loss, tape, image("in.x0", index, each), image("rnd.noise", index, each), times);
      Tensor y = net.labels(part("in.y", index, n), part("rnd.drop", index, n));
      Tensor out = net.dit.forward(tape, of.noisy(), net.tensor(Shape.of(n), times), y);
      List<DenoisingLoss.Term> terms = loss.terms(tape, out, of);
      double value = Arrays.stream(net.total(terms)).average().orElseThrow();
      tape.backward(GoldenNetwork.seeds(tape, terms));
      optimizer.step(net.stream, settings.rate, 1, average, settings.emaDecay);
      store.newUpdate();
      return value;
    }

    private double[] part(String name, int index, int count) {
      return Arrays.copyOfRange(golden.values(name), index * count, (index + 1) * count);
    }

    private Tensor image(String name, int index, Shape nhwc) {
      double[] nchw = part(name, index, (int) nhwc.elements());
      Shape shape = Shape.of(nhwc.dim(0), nhwc.dim(3), nhwc.dim(1), nhwc.dim(2));
      return net.tensor(nhwc, GoldenFile.nhwc(nchw, shape));
    }

    /** All learned parameters in a flat tensor that is laid out like the weights. */
    void compare(String prefix, Tensor flat) {
      float[] own = store.values().toFloats(net.stream);
      float[] shown = flat.toFloats(net.stream);
      store.values().set(net.stream, shown);
      for (Parameter p : store.learned()) {
        golden.compare(prefix + p.name(), p.value().toDoubles(net.stream));
      }
      store.values().set(net.stream, own);
      // The table of positions: the reference averages it, too, which moves it by rounding alone.
      for (Parameter p : store.buffers()) {
        if (golden.has(prefix + p.name())) {
          golden.compare(prefix + p.name(), p.value().toDoubles(net.stream));
        }
      }
    }

    @Override
    public void close() {
      net.close();
    }
  }

  private static int heads(GoldenFile golden) {
    int width = golden.shape("init.x_embedder.proj.weight").size(0);
    double[] first = {golden.values("out.loss")[0]};
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int heads = 1; heads <= width; heads++) {
      if (width % heads == 0) {
        try (Loop loop = new Loop(golden, "cpu", heads)) {
          double distance = golden.distance("out.loss", first, new double[] {loop.step(0)});
          best = distance < least ? heads : best;
          least = Math.min(least, distance);
        }
      }
    }
    return best;
  }

  @ParameterizedTest
  @MethodSource("files")
  void stepsAreTheReferences(String device, Path file) throws IOException {
    try (GoldenFile golden = GoldenFile.open(file);
        Loop loop = new Loop(golden, device, heads(golden))) {
      int steps = golden.shape("in.x0").size(0);
      double[] losses = new double[steps];
      for (int i = 0; i < steps; i++) {
        losses[i] = loop.step(i);
        if (i == 0) {
          loop.compare("after1.", loop.store.values());
        }
      }
      golden.compare("out.loss", losses);
      loop.compare("after" + steps + ".", loop.store.values());
      loop.compare("ema" + steps + ".", loop.average.average());
      loop.compare("exp_avg" + steps + ".", loop.optimizer.firstMoment());
      loop.compare("exp_avg_sq" + steps + ".", loop.optimizer.secondMoment());
      assertEquals(steps, loop.optimizer.steps());
    }
  }
}
