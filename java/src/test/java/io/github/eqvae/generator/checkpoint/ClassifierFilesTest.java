package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Files of both kinds of classifiers: what is written is read again, what is broken is refused. */
class ClassifierFilesTest {
  private static final SmallClassifier.Config CONVOLUTIONAL =
      new SmallClassifier.Config(1, 8, 8, 3);
  private static final VitClassifier.Config VIT = new VitClassifier.Config(1, 8, 4, 8, 1, 2, 3);

  @TempDir Path folder;

  private final Device device = Device.open("cpu", 1);
  private final Stream stream = new Stream(device);

  @AfterEach
  void close() {
    stream.close();
    device.close();
  }

  static List<ClassifierConfig> kinds() {
    return List.of(CONVOLUTIONAL, VIT);
  }

  private Path write(ImageClassifier network, Map<String, String> metadata) throws IOException {
    Path file = folder.resolve("classifier.safetensors");
    ModelFile.save(file, network.parameters(), stream, metadata);
    return file;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void whatIsWrittenIsReadAgain(ClassifierConfig config) throws IOException {
    try (ImageClassifier network = config.build(stream, 5, false);
        ImageClassifier again =
            ClassifierFiles.load(write(network, config.metadata().toMap()), stream)) {
      assertEquals(config, again.config());
      assertArrayEquals(
          network.parameters().values().toFloats(stream),
          again.parameters().values().toFloats(stream));
    }
  }

  /** The first kind has none: its files are as they were before there was another one. */
  @Test
  void theKindIsInTheMetadata() {
    assertEquals(Map.of("eqvae.classifier", "1 8 8 3"), CONVOLUTIONAL.metadata().toMap());
    assertEquals(Map.of("eqvae.classifier", "vit 1 8 4 8 1 2 3"), VIT.metadata().toMap());
  }

  /** Also those that claim to be so large that no memory would hold them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'vit 1 8 4 8 1 2 4'|head.weight has shape [3, 8], expected [4, 8]",
        "'vit 1 8 4 8 2 2 3'|missing blocks.1.norm1.weight",
        "'vit 3 8 4 8 1 2 3'|patch_embed.proj.weight",
        "'vit 1 8 4 1024 64 8 1000000'|blocks.0.norm1.weight has shape",
        "'vit 1 8 4 8 1 2'|6 numbers of a vit classifier, expected 7",
        "'vit 1 8 4 8 1 2 3 9'|8 numbers",
        "'vit 1 8 4 8 1 3 3'|got 1 channels, side 8, patch 4, width 8, 1 blocks, 3 heads",
        "'vit 1 8 4 8 1 2 x'|was not written by `train classifier",
        "'resnet 1 8 8 3'|of the kind resnet, which this version of eqvae does not know",
        "'1 8 8 3'|missing layers.0.conv.weight",
        "'1 8 1024 1000000'|missing layers.0.conv.weight",
        "'1 8 8'|3 numbers of a convolutional classifier, expected 4",
        "'1 1073741824 8 3'|side 1073741824",
        "'1 8 8 2000000000'|2000000000 classes",
        "''|was not written by `train classifier"
      })
  void whatDoesNotFitItsFileIsRefused(String said, String part) throws IOException {
    try (VitClassifier network = VIT.build(stream, 5, false)) {
      Path file = write(network, Map.of("eqvae.classifier", said));
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> ClassifierFiles.load(file, stream));
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void aFileOfNoClassifierIsRefused() throws IOException {
    try (VitClassifier network = VIT.build(stream, 5, false)) {
      Path file = write(network, Map.of());
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> ClassifierFiles.load(file, stream));
      assertTrue(e.getMessage().contains("was not written by"), e.getMessage());
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void numbersThatAreNotFiniteAreRefused(ClassifierConfig config) throws IOException {
    try (ImageClassifier network = config.build(stream, 5, false)) {
      network.parameters().get("head.bias").value().fill(stream, Double.NaN);
      Path file = write(network, config.metadata().toMap());
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> ClassifierFiles.load(file, stream));
      assertTrue(e.getMessage().contains("head.bias"), e.getMessage());
    }
  }

  /** It has timm's names, but takes other pictures. */
  @Test
  void aClassifierIsNotTakenForDinov2() throws IOException {
    try (VitClassifier network = VIT.build(stream, 5, false)) {
      Path file = write(network, VIT.metadata().toMap());
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> VitCheckpoint.open(file).close());
      assertTrue(e.getMessage().contains("--classifier"), e.getMessage());
    }
  }
}
