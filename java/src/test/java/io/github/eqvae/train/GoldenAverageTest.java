package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.GoldenFile;
import io.github.eqvae.train.recipe.RunRecipe.EmaRule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The moving average against {@code LitEma} of CompVis/latent-diffusion. */
class GoldenAverageTest {
  private static final double DECAY = 0.9999;
  private static final double RELATIVE = 1e-12;

  /** In the order of the file's shadows; the last bias is frozen and has none. */
  private static final List<String> AVERAGED = List.of("0.weight", "0.bias", "1.weight");

  static List<String> devices() {
    return Devices.computing();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void movesAsInTheReference(String name) throws IOException {
    List<Path> files = GoldenFile.with("shadow", "decays", "rnd.deltas");
    assertTrue(files.size() >= 1);
    for (Path file : files) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        golden.compare("shadow", shadows(golden, name, EmaRule.WARMUP));
        double[] constant = shadows(golden, name, EmaRule.CONSTANT);
        int each = golden.shape("shadow_constant").size(0);
        golden.compare(
            "shadow_constant",
            java.util.Arrays.copyOfRange(constant, constant.length - each, constant.length));
      }
    }
  }

  /** The shadows after every update, one after the other. */
  private static double[] shadows(GoldenFile golden, String name, EmaRule rule) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    for (String p : AVERAGED) {
      root.parameter(p, Init.ZEROS, golden.shape("init." + p).extents());
    }
    double[] decays = golden.values("decays");
    double[] deltas = golden.values("rnd.deltas");
    int each = deltas.length / decays.length;
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "golden");
        ParameterStore store = builder.build(stream, 0, true)) {
      for (String p : AVERAGED) {
        store.get(p).value().set(stream, golden.values("init." + p));
      }
      Ema average = new Ema(store, stream);
      // A rate of 0 leaves the weights as they are: only the average moves.
      AdamSettings adam = new AdamSettings(0, 0, 1, 0, true);
      AdamOptimizer optimizer = new AdamOptimizer(store, stream, adam);
      Tensor schedule = arena.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
      int length = golden.shape("shadow").size(1);
      double[] out = new double[decays.length * length];
      for (int i = 0; i < decays.length; i++) {
        double decay = rule.decay(DECAY, i);
        double published = rule == EmaRule.WARMUP ? decays[i] : DECAY;
        assertEquals(published, decay, RELATIVE * published, "decay of update " + (i + 1));
        move(store, stream, java.util.Arrays.copyOfRange(deltas, i * each, (i + 1) * each));
        schedule.set(stream, optimizer.schedule(0, decay));
        store.gradients(stream);
        optimizer.update(stream, schedule, 1, Double.POSITIVE_INFINITY, null, null, average);
        optimizer.count();
        int at = i * length;
        average.swap(stream);
        for (String p : AVERAGED) {
          double[] values = store.get(p).value().toDoubles(stream);
          System.arraycopy(values, 0, out, at, values.length);
          at += values.length;
        }
        average.swap(stream);
      }
      return out;
    }
  }

  /** What stands in for a training step: rows alike, the last weight grows by a hundredth. */
  private static void move(ParameterStore store, Stream stream, double... delta) {
    Parameter weight = store.get("0.weight");
    double[] w = weight.value().toDoubles(stream);
    for (int i = 0; i < w.length; i++) {
      w[i] += 0.1 * delta[i % delta.length];
    }
    weight.value().set(stream, w);
    Parameter bias = store.get("0.bias");
    double[] b = bias.value().toDoubles(stream);
    for (int i = 0; i < b.length; i++) {
      b[i] += delta[i];
    }
    bias.value().set(stream, b);
    Parameter last = store.get("1.weight");
    double[] l = last.value().toDoubles(stream);
    for (int i = 0; i < l.length; i++) {
      l[i] *= 1.01;
    }
    last.value().set(stream, l);
  }
}
