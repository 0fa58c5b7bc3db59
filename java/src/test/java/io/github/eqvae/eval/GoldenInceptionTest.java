package io.github.eqvae.eval;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Inception-v3 with weights that a formula gives, against torch-fidelity (TensorFlow's resizing)
 * and pytorch-fid. A stand-in that resizes otherwise, or is off by a channel, fails.
 */
class GoldenInceptionTest {
  private static final double OF_LARGEST = 5e-6;
  private static final String CLASSIFIER = "fc.weight";
  private static final String BIAS = "fc.bias";

  /** The weights' formula: a hash of the name's place in the alphabet and of the index. */
  private static float weight(int name, int index, double scale, double shift) {
    int h = index * (int) 2654435761L + name * 40503 + 12345;
    for (int round = 0; round < 2; round++) {
      h ^= h >>> 16;
      h *= 0x45d9f3b;
    }
    h ^= h >>> 16;
    return (float) (shift + scale * (Integer.toUnsignedLong(h) / 0x1p32 - 0.5));
  }

  private static float[] weights(String name, int order, Shape shape) {
    double scale = 0.2;
    double shift = 0;
    if (name.endsWith("conv.weight") || name.equals(CLASSIFIER)) {
      double fanIn = shape.elements() / (double) shape.dim(0);
      scale = 2 * Math.sqrt(3) * Math.sqrt(2) / Math.sqrt(fanIn);
    } else if (name.endsWith("running_var")) {
      scale = 0.5;
      shift = 1;
    } else if (name.endsWith("bn.weight")) {
      scale = 0.4;
      shift = 1;
    }
    float[] out = new float[(int) shape.elements()];
    for (int i = 0; i < out.length; i++) {
      out[i] = weight(order, i, scale, shift);
    }
    return out;
  }

  private static Map<String, float[]> fill(InceptionV3 network, Stream stream) {
    Map<String, Shape> shapes = new TreeMap<>();
    List<Parameter> all = new ArrayList<>(network.parameters().learned());
    all.addAll(network.parameters().buffers());
    all.forEach(p -> shapes.put(p.name(), p.shape()));
    shapes.put(CLASSIFIER, Shape.of(InceptionV3.CLASSES, InceptionV3.FEATURES));
    shapes.put(BIAS, Shape.of(InceptionV3.CLASSES));
    assertEquals(472, shapes.size());
    Map<String, float[]> values = new TreeMap<>();
    int order = 0;
    for (Map.Entry<String, Shape> e : shapes.entrySet()) {
      values.put(e.getKey(), weights(e.getKey(), order++, e.getValue()));
    }
    all.forEach(p -> p.value().set(stream, values.get(p.name())));
    return values;
  }

  private static double[] means(Tensor x, Stream stream) {
    float[] values = x.toFloats(stream);
    int n = x.shape().size(0);
    int channels = x.shape().size(-1);
    double[] out = new double[n * channels];
    int each = values.length / n;
    for (int i = 0; i < values.length; i++) {
      out[i / each * channels + i % channels] += values[i] * (double) channels / each;
    }
    return out;
  }

  private static void compare(GoldenFile golden, String name, double[] ours) {
    double[] expected = golden.values(name);
    double[] bounds = new double[expected.length];
    java.util.Arrays.fill(bounds, OF_LARGEST * Compare.maximum(expected));
    Compare.within(name, Shape.of(expected.length), expected, ours, bounds);
  }

  private static void compareStages(
      GoldenFile golden, String tool, InceptionV3.Stages stages, Stream stream) {
    compare(golden, tool + ".64", means(stages.first(), stream));
    compare(golden, tool + ".192", means(stages.second(), stream));
    compare(golden, tool + ".768", means(stages.third(), stream));
    compare(golden, tool + ".2048", doubles(stages.pooled().toFloats(stream)));
  }

  private static List<Image> images(GoldenFile golden) {
    double[] pixels = golden.nhwc("in.images");
    Shape shape = golden.shape("in.images");
    int each = pixels.length / shape.size(0);
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < shape.size(0); i++) {
      byte[] bytes = new byte[each];
      for (int k = 0; k < each; k++) {
        bytes[k] = (byte) (int) pixels[i * each + k];
      }
      images.add(new Image(shape.size(3), shape.size(2), shape.size(1), bytes));
    }
    return images;
  }

  @Test
  void featuresAreThoseOfTheReferences() throws IOException {
    for (Path path : GoldenFile.needed("torch_fidelity.logits_unbiased")) {
      try (GoldenFile golden = GoldenFile.open(path);
          Device device = Device.open("cpu");
          Stream stream = new Stream(device);
          TensorArena arena = new TensorArena(device, "test")) {
        InceptionV3 network = new InceptionV3(stream, 0);
        Map<String, float[]> weights = fill(network, stream);
        for (String name : golden.names()) {
          if (name.startsWith("check.")) {
            float[] ours = weights.get(name.substring("check.".length()));
            double[] theirs = golden.values(name);
            for (int i = 0; i < theirs.length; i++) {
              assertEquals(theirs[i], ours[i], 0, name + " " + i);
            }
          }
        }
        List<Image> images = images(golden);
        try (AdmFeatures adm = AdmFeatures.of(network, weights.get(CLASSIFIER), stream)) {
          ImageFeatures.Values f = adm.of(images);
          compare(golden, "torch_fidelity.2048", doubles(f.pooled()));
          compare(golden, "torch_fidelity.logits_unbiased", doubles(f.logits()));
          double[] biased = doubles(f.logits());
          for (int i = 0; i < biased.length; i++) {
            biased[i] += weights.get(BIAS)[i % InceptionV3.CLASSES];
          }
          compare(golden, "torch_fidelity.logits", biased);
          assertEquals(images.size() * AdmFeatures.SPATIAL, f.spatial().length);
          Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
          compareStages(
              golden, "torch_fidelity", network.stages(tape, adm.input(arena, images)), stream);
          arena.reset();
          pytorchFid(golden, network, images, stream, arena);
        }
      }
    }
  }

  private static void pytorchFid(
      GoldenFile golden,
      InceptionV3 network,
      List<Image> images,
      Stream stream,
      TensorArena arena) {
    Image first = images.getFirst();
    float[] values = new float[images.size() * first.data().length];
    for (int i = 0; i < values.length; i++) {
      int each = first.data().length;
      values[i] = (images.get(i / each).data()[i % each] & 0xff) / 255f;
    }
    Tensor x = arena.tensor(Shape.of(images.size(), first.height(), first.width(), 3));
    x.set(stream, values);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    compare(golden, "pytorch_fid.2048", doubles(network.forward(tape, x).toFloats(stream)));
    arena.reset();
  }
}
