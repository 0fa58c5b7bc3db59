package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.DeviceFixture;
import io.github.eqvae.testing.TorchOracle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The network in its published size, with random weights and statistics. */
class InceptionV3Test extends DeviceFixture {
  /** Of the largest feature. fp32 through 94 layers leaves far less than that. */
  private static final double RELATIVE = 1e-4;

  private static final int IMAGES = 2;
  private static final int HEIGHT = 64;
  private static final int WIDTH = 48;

  @TempDir Path folder;

  private static double[] pixels() {
    Random random = new Random(1);
    double[] x = new double[IMAGES * HEIGHT * WIDTH * 3];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextInt(256) / 255f;
    }
    return x;
  }

  /** Statistics and factors that a normalisation without them would not survive. */
  static InceptionV3 random(Stream stream) {
    InceptionV3 network = new InceptionV3(stream, 5);
    Random random = new Random(2);
    for (Parameter p : network.parameters().all()) {
      boolean around1 = p.name().endsWith("bn.weight") || p.name().endsWith("running_var");
      if (p.shape().rank() == 1) {
        double[] values = new double[p.shape().size(0)];
        for (int i = 0; i < values.length; i++) {
          values[i] = (around1 ? 1 : 0) + 0.4 * (random.nextDouble() - 0.5);
        }
        p.value().set(stream, values);
      }
    }
    return network;
  }

  InceptionV3Test() {
    super("cpu");
  }

  private double[] features(InceptionV3 network) {
    try (TensorArena arena = new TensorArena(device, "test")) {
      Tensor x = arena.tensor(Shape.of(IMAGES, HEIGHT, WIDTH, 3));
      x.set(stream, pixels());
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor y = network.forward(tape, x);
      assertEquals(Shape.of(IMAGES, InceptionV3.FEATURES), y.shape());
      return y.toDoubles(stream);
    }
  }

  @Test
  @Tag("full")
  @SuppressWarnings("try") // the scope frees what is made inside it
  void featuresAreThoseOfTheSameNetworkInLibtorch() {
    try (InceptionV3 network = random(stream);
        PointerScope scope = new PointerScope()) {
      Map<String, org.bytedeco.pytorch.Tensor> state = new HashMap<>();
      for (Parameter p : network.parameters().all()) {
        state.put(p.name(), TorchOracle.tensor(p.value().toDoubles(stream), p.shape(), true));
      }
      org.bytedeco.pytorch.Tensor x =
          TorchOracle.nchw(TorchOracle.tensor(pixels(), Shape.of(IMAGES, HEIGHT, WIDTH, 3), true));
      double[] expected = TorchOracle.values(new TorchInception(state, false, false).features(x));
      double scale = Compare.maximum(expected);
      double[] bound = new double[expected.length];
      java.util.Arrays.fill(bound, RELATIVE * scale);
      Compare.within(
          "features", Shape.of(IMAGES, InceptionV3.FEATURES), expected, features(network), bound);
      // Each of pytorch-fid's changes to torchvision's network would be seen.
      for (TorchInception other :
          List.of(new TorchInception(state, true, false), new TorchInception(state, false, true))) {
        double[] changed = TorchOracle.values(other.features(x));
        double most = 0;
        for (int i = 0; i < changed.length; i++) {
          most = Math.max(most, Math.abs(changed[i] - expected[i]));
        }
        assertTrue(most > 100 * RELATIVE * scale, "a change of only " + most / scale);
      }
    }
  }

  /** A state dict as published: with the classifier and the counters, which are not read. */
  @Test
  void aFileGivesItsWeights() throws Exception {
    Path file = folder.resolve("inception.safetensors");
    try (InceptionV3 network = random(stream)) {
      write(file, network, "");
      double[] expected = features(network);
      try (InceptionV3 loaded = InceptionV3.load(file, stream)) {
        assertArrayEquals(expected, features(loaded));
      }
      for (String gone :
          List.of("Mixed_7c.branch1x1.bn.running_var", "Conv2d_4a_3x3.conv.weight")) {
        write(file, network, gone);
        String message =
            assertThrows(
                    EqvaeException.Argument.class, () -> InceptionV3.load(file, stream).close())
                .getMessage();
        assertTrue(message.contains(gone), message);
      }
    }
  }

  /** Same names and shapes of all features, other weights: only the classifier tells. */
  @Test
  void torchvisionsOwnWeightsAreRefused() throws Exception {
    Path file = folder.resolve("torchvision.safetensors");
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment values = memory.allocate(4 * 1000 * 2048, 64);
      SafetensorsWriter.write(file, List.of(entry("fc.weight", values, 1000, 2048)), Map.of());
    }
    String message =
        assertThrows(EqvaeException.Argument.class, () -> InceptionV3.load(file, stream).close())
            .getMessage();
    assertTrue(message.contains("1000 classes"), message);
  }

  private void write(Path file, InceptionV3 network, String without) throws Exception {
    try (Arena memory = Arena.ofConfined()) {
      List<SafetensorsWriter.Entry> entries = new java.util.ArrayList<>();
      for (Parameter p : network.parameters().all()) {
        if (!p.name().equals(without)) {
          MemorySegment host = memory.allocate(p.value().bytes(), 64);
          p.value().copyTo(stream, host);
          entries.add(entry(p.name(), host, p.shape().extents()));
        }
      }
      stream.sync();
      entries.add(entry("fc.weight", memory.allocate(4 * 1008 * 2048, 64), 1008, 2048));
      SafetensorsWriter.write(file, entries, Map.of());
    }
  }

  private static SafetensorsWriter.Entry entry(String name, MemorySegment values, long... shape) {
    return new SafetensorsWriter.Entry(name, "F32", shape, values);
  }
}
