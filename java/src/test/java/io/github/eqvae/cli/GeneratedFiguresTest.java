package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.ReconstructionDistance;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.TinyClassifier;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What evaluate says of generated images, on networks of random weights. */
class GeneratedFiguresTest {
  private static final String VERSION = "eqvae 0";
  private static final String RECORD =
      """
      {"format": "eqvae-samples", "version": 1, "count": 12, "sampler": "ddpm", "steps": 250,
       "guidance": 1.5, "generator_sha256": "aa", "autoencoder_sha256": "bb"}
      """;

  @TempDir Path folder;

  private Path archive(String name, int count, int side, int channels, int brightest)
      throws IOException {
    byte[] bytes = new byte[count * side * side * channels];
    Random random = new Random(name.hashCode());
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) random.nextInt(brightest);
    }
    long[] shape = {count, side, side, channels};
    NpzFile.write(folder.resolve(name), Map.of("arr_0", new NpyArray("|u1", shape, bytes)));
    return folder.resolve(name);
  }

  private static Map<String, Object> measure(GeneratedEvaluation evaluation) throws IOException {
    try (Device device = Device.open("cpu")) {
      return evaluation.measure(
          device, VERSION, SharedBatches.ALONE, new PrintWriter(new StringWriter()));
    }
  }

  private static GeneratedEvaluation compare(
      Path samples, Path reference, Path weights, Protocol protocol) {
    return new GeneratedEvaluation(
        samples, Optional.of(reference), weights, protocol, Optional.empty(), false);
  }

  private static double value(Map<String, Object> figures, String key) {
    return (Double) figures.get(key);
  }

  /** Fewer images than features: 12 and 64. */
  @Test
  void theFamilyOfAClassifierIsNamedSo() throws IOException {
    Path weights = TinyClassifier.write(folder, 1);
    Path a = archive("a.npz", 12, 8, 1, 256);
    Path b = archive("b.npz", 9, 8, 1, 40);
    Map<String, Object> far = measure(compare(a, b, weights, Protocol.CLASSIFIER));
    assertTrue(value(far, "frechet_distance") > 0, far.toString());
    assertTrue(value(far, "frechet_distance_residual") < 1e-12, far.toString());
    for (String key : List.of("classifier_score", "kernel_distance", "precision", "recall")) {
      assertTrue(Double.isFinite(value(far, key)), key);
    }
    assertFalse(far.containsKey("fid") || far.containsKey("kid"), far.toString());
    Map<String, Object> same = measure(compare(a, a, weights, Protocol.CLASSIFIER));
    assertEquals(0, value(same, "frechet_distance"), 1e-9);
    assertEquals(1, value(same, "precision"), 0);
    assertEquals(1, value(same, "recall"), 0);
    assertTrue(value(far, "kernel_distance") > value(same, "kernel_distance"));
    String text = GeneratedReport.text(far);
    assertTrue(text.contains("classifier score") && text.contains("residual"), text);
    assertTrue(text.contains("unknown: no record of `sample`"), text);
  }

  /** Its distance, too, is that of its own features: other networks, other numbers. */
  @Test
  void aVitClassifierIsNamedSo() throws IOException {
    Path a = archive("a.npz", 12, 8, 1, 256);
    Path b = archive("b.npz", 9, 8, 1, 40);
    Path vit = TinyClassifier.writeVit(folder, 1);
    Map<String, Object> far = measure(compare(a, b, vit, Protocol.CLASSIFIER));
    assertEquals("eqvae's vit classifier of 3 classes, 8 px", far.get("extractor"));
    assertEquals(8, far.get("features"));
    assertTrue(value(far, "frechet_distance") > 1e-3, far.toString());
    Map<String, Object> same = measure(compare(a, a, vit, Protocol.CLASSIFIER));
    assertEquals(0, value(same, "frechet_distance"), 1e-9);
  }

  /** Also of a protocol that has nothing but its distance. */
  @ParameterizedTest
  @EnumSource(Protocol.class)
  void theDistanceOfEachProtocolIsPrinted(Protocol protocol) {
    String key = protocol.key();
    String text = GeneratedReport.text(Map.of(key, 12.34567, key + "_residual", 2e-13));
    String row = "%-18s12.3457   (residual 2.0e-13)%n".formatted(protocol.title());
    assertTrue(text.contains(row), text);
  }

  @Test
  void aResultSaysWhatMadeIt() throws IOException {
    Path weights = TinyClassifier.write(folder, 1);
    Path a = archive("a.npz", 12, 8, 1, 256);
    GeneratedEvaluation evaluation = compare(a, a, weights, Protocol.CLASSIFIER);
    JsonNode foreign = new ObjectMapper().readTree(GeneratedReport.json(measure(evaluation)));
    for (String key :
        List.of("sampler", "steps", "guidance", "generator_sha256", "autoencoder_sha256")) {
      assertEquals("unknown", foreign.path(key).asText(), key);
    }
    Files.writeString(folder.resolve("a.npz.json"), RECORD);
    JsonNode ours = new ObjectMapper().readTree(GeneratedReport.json(measure(evaluation)));
    assertEquals("ddpm", ours.path("sampler").asText());
    assertEquals(250, ours.path("steps").asInt());
    assertEquals(1.5, ours.path("guidance").asDouble());
    assertEquals("bb", ours.path("autoencoder_sha256").asText());
    assertEquals(VERSION, ours.path("evaluator").asText());
    assertEquals("classifier", ours.path("protocol").asText());
    assertEquals(64, ours.path("extractor_sha256").asText().length());
    assertEquals(12, ours.path("images").asInt());
    assertEquals(12, ours.path("reference_images").asInt());
  }

  @Test
  void statisticsStandInForImages() throws IOException {
    Path weights = TinyClassifier.write(folder, 1);
    Path a = archive("a.npz", 12, 8, 1, 256);
    Path b = archive("b.npz", 9, 8, 1, 40);
    Path file = folder.resolve("statistics.npz");
    measure(
        new GeneratedEvaluation(
            b, Optional.empty(), weights, Protocol.CLASSIFIER, Optional.of(file), false));
    Map<String, Object> images = measure(compare(a, b, weights, Protocol.CLASSIFIER));
    Map<String, Object> statistics = measure(compare(a, file, weights, Protocol.CLASSIFIER));
    assertEquals(value(images, "frechet_distance"), value(statistics, "frechet_distance"), 0);
    assertTrue(statistics.get("left_out").toString().contains("precision"));
    assertTrue(statistics.get("reference_statistics").toString().contains("of 9 images"));
    assertEquals("unknown", statistics.get("reference_images"));
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> measure(compare(a, file, TinyClassifier.write(folder, 2), Protocol.CLASSIFIER)));
    assertTrue(e.getMessage().contains("other weights"), e.getMessage());
  }

  /** With random weights: the state dict of pytorch-fid, classifier included. */
  private Path inception() throws IOException {
    Path file = folder.resolve("inception.safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        InceptionV3 network = new InceptionV3(stream, 7)) {
      List<Parameter> all = new ArrayList<>(network.parameters().learned());
      all.addAll(network.parameters().buffers());
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      for (Parameter p : all) {
        float[] values = p.value().toFloats(stream);
        entries.add(SafetensorsWriter.Entry.floats(p.name(), values, p.shape().extents()));
      }
      float[] head = new float[InceptionV3.CLASSES * InceptionV3.FEATURES];
      for (int i = 0; i < head.length; i++) {
        head[i] = (i * 31 % 17 - 8) / 40f;
      }
      entries.add(
          SafetensorsWriter.Entry.floats(
              "fc.weight", head, InceptionV3.CLASSES, InceptionV3.FEATURES));
      SafetensorsWriter.write(file, entries, Map.of());
    }
    return file;
  }

  @Test
  @Tag("full")
  void theFiguresOfAdmAndOfPytorchFid() throws IOException {
    Path weights = inception();
    Path a = archive("a.npz", 6, 16, 3, 256);
    Path b = archive("b.npz", 5, 16, 3, 60);
    Map<String, Object> adm = measure(compare(a, b, weights, Protocol.ADM));
    for (String key : List.of("fid", "sfid", "inception_score", "precision", "recall", "kid")) {
      assertTrue(Double.isFinite(value(adm, key)), key);
    }
    Path file = folder.resolve("reference.npz");
    measure(
        new GeneratedEvaluation(
            b, Optional.empty(), weights, Protocol.ADM, Optional.of(file), true));
    Map<String, Object> again = measure(compare(a, file, weights, Protocol.ADM));
    for (String key : List.of("fid", "sfid", "precision", "recall", "kid")) {
      assertEquals(value(adm, key), value(again, key), 0, key);
    }
    assertEquals(5L, again.get("reference_images"));
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> measure(compare(file, statistics(b), weights, Protocol.PYTORCH_FID)));
    assertTrue(e.getMessage().contains("by the protocol adm"), e.getMessage());
    double theirs = value(measure(compare(a, b, weights, Protocol.PYTORCH_FID)), "fid");
    assertEquals(rfid(weights), theirs, 1e-4 * theirs);
    assertTrue(Math.abs(theirs - value(adm, "fid")) > 1e-3 * theirs, "the two resize otherwise");
  }

  private Path statistics(Path images) throws IOException {
    Path file = folder.resolve("adm.npz");
    measure(
        new GeneratedEvaluation(
            images,
            Optional.empty(),
            folder.resolve("inception.safetensors"),
            Protocol.ADM,
            Optional.of(file),
            false));
    return file;
  }

  /** The same images as files, by the rFID's code. */
  private double rfid(Path weights) throws IOException {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        ReconstructionDistance rfid =
            ReconstructionDistance.open(ReconstructionDistance.rfid(weights), stream, 8)) {
      rfid.addAll(ImageFolder.open(pictures("a.npz")), ImageFolder.open(pictures("b.npz")));
      return rfid.value();
    }
  }

  private Path pictures(String archive) throws IOException {
    Path out = Files.createDirectory(folder.resolve(archive + ".files"));
    NpyArray all = NpzFile.read(folder.resolve(archive), List.of("arr_0"), 1 << 20).get("arr_0");
    int each = 16 * 16 * 3;
    for (int i = 0; i < all.shape()[0]; i++) {
      byte[] data = java.util.Arrays.copyOfRange(all.data(), i * each, (i + 1) * each);
      Files.write(out.resolve(i + ".png"), Images.png(new Image(16, 16, 3, data)));
    }
    return out;
  }
}
