package io.github.eqvae.generator;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static io.github.eqvae.testing.GoldenFile.ints;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.ClassifierFiles;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.model.ModelFile;
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
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The classifier with timm's weights gives timm's answers. {@code vit_classifier.py} made the
 * files.
 */
class VitClassifierTest {
  private final Device device = Device.open("cpu", 1);
  private final Stream stream = new Stream(device);
  private final TensorArena arena = new TensorArena(device, "test");

  @AfterEach
  void close() {
    arena.close();
    stream.close();
    device.close();
  }

  private static Path file(String name) {
    return Path.of(
        System.getProperty("eqvae.root"),
        "java/src/test/resources/io/github/eqvae/generator",
        name + ".safetensors");
  }

  private Tensor images(GoldenFile timm) {
    Shape s = timm.shape("in.pixels");
    Tensor x = arena.tensor(Shape.of(s.dim(0), s.dim(2), s.dim(3), s.dim(1)));
    x.set(stream, timm.nhwc("in.pixels"));
    return x;
  }

  @Test
  void featuresAndAnswersAreTimms() throws IOException {
    try (GoldenFile timm = GoldenFile.open(file("vit-classifier-step"));
        ImageClassifier network = ClassifierFiles.load(file("vit-classifier"), stream)) {
      assertEquals(new VitClassifier.Config(1, 8, 4, 12, 2, 3, 5), network.config());
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor x = images(timm);
      Tensor features = network.features(tape, x);
      timm.compare("out.features", doubles(features.toFloats(stream)));
      timm.compare("out.logits", doubles(network.answers(tape, features).toFloats(stream)));
      Tensor places = network.places(tape, x);
      assertEquals(Shape.of(3, 2, 2, 12), places.shape());
      timm.compare("out.places", doubles(places.toFloats(stream)));
    }
  }

  /**
   * Those of every parameter, also of the class token and the positions, which all images share.
   */
  @ParameterizedTest
  @EnumSource(value = Tape.Mode.class, mode = Mode.EXCLUDE, names = "INFERENCE")
  void gradientsAreTimms(Tape.Mode mode) throws IOException {
    VitClassifier.Config config = new VitClassifier.Config(1, 8, 4, 12, 2, 3, 5);
    try (GoldenFile timm = GoldenFile.open(file("vit-classifier-step"));
        VitClassifier network = config.build(stream, 1, true)) {
      ModelFile.load(file("vit-classifier"), network.parameters(), stream);
      Tape tape = new Tape(stream, arena, mode);
      Tensor labels = arena.tensor(Shape.of(3), DType.I32);
      labels.setInts(stream, ints(timm.values("in.labels")));
      Tensor logits = network.logits(tape, images(timm));
      Tensor each = tape.apply(new SoftmaxCrossEntropy(), logits, labels);
      Tensor loss = tape.apply(new Sum(1.0 / 3), each);
      tape.backward(List.of(tape.seed(loss, 1)));
      for (Parameter p : network.parameters().learned()) {
        timm.compare("gradient." + p.name(), doubles(p.gradient().toFloats(stream)));
      }
      long compared = timm.names().stream().filter(n -> n.startsWith("gradient.")).count();
      assertEquals(compared, network.parameters().learned().size());
    }
  }

  /** Channels, side, patch, width, depth, heads, classes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "2 8 4 12 2 3 5",
        "1 8 3 12 2 3 5",
        "1 8 4 12 2 5 5",
        "1 8 4 512 2 2 5",
        "1 2048 4 12 2 3 5",
        "1 8 4 2048 2 32 5",
        "1 8 4 12 65 3 5",
        "1 8 4 12 0 3 5",
        "1 8 4 12 2 3 1"
      })
  void impossibleShapesAreRefused(String shape) {
    int[] n = java.util.Arrays.stream(shape.split(" ")).mapToInt(Integer::parseInt).toArray();
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> new VitClassifier.Config(n[0], n[1], n[2], n[3], n[4], n[5], n[6]));
    assertTrue(e.getMessage().contains("width " + n[3]), e.getMessage());
  }
}
