package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.generator.PublishedNetworks;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of sihyun-yu/REPA's training: projectors, arguments, and a clock that runs backwards. */
class RepaCheckpointTest {
  private static final GeneratorHints HINTS =
      new GeneratorHints(OptionalInt.of(2), Optional.empty());

  private static final Alignment TWO = new Alignment(2, 24, List.of(12, 20));

  @TempDir private Path folder;

  private static DitConfig sit() {
    return new DitConfig(3, 4, 2, 16, 3, 2, 4, 3, true, false, false, false, false, false, true);
  }

  /** XL/2 with the projector of DINOv2-B: 675,111,184 and 8,131,328 numbers. */
  @Test
  void thePublishedNetworkHasThePublishedCounts() {
    DitConfig repa = PublishedNetworks.repa(DitSize.XL);
    Map<String, Shape> all = TensorList.of(repa, Optional.of(new Alignment(8, 2048, List.of(768))));
    long projector =
        all.entrySet().stream()
            .filter(e -> e.getKey().startsWith("projectors.0."))
            .mapToLong(e -> e.getValue().elements())
            .sum();
    long total = all.values().stream().mapToLong(Shape::elements).sum();
    assertEquals(8_131_328, projector);
    assertEquals(675_111_184, total - projector);
    assertEquals(Shape.of(2048, 1152), all.get("projectors.0.0.weight"));
    assertEquals(Shape.of(768, 2048), all.get("projectors.0.4.weight"));
    assertEquals(Shape.of(16, 1152), all.get("final_layer.linear.weight"));
  }

  @Test
  void theListIsThatOfTheNetwork() {
    Map<String, Shape> made = new LinkedHashMap<>();
    try (Device planner = Device.open("null");
        Stream stream = new Stream(planner)) {
      Dit dit = new Dit(sit(), TWO, stream, 0, false);
      for (Parameter p : dit.parameters().all()) {
        made.put(p.name(), p.shape());
      }
      dit.parameters().close();
    }
    assertEquals(made, TensorList.of(sit(), Optional.of(TWO)));
  }

  /** {@code {model, ema, opt, args, steps}}, the names of {@code model} as DDP leaves them. */
  private Path training(String... args) throws Exception {
    Map<String, TorchTensor> model = GeneratorSamples.tensors(sit(), Optional.of(TWO), 1);
    Map<String, TorchTensor> ema = GeneratorSamples.tensors(sit(), Optional.of(TWO), 2);
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("model", TorchValue.PyDict.of(GeneratorSamples.prefixed(model, "module.")));
    root.put("ema", TorchValue.PyDict.of(ema));
    Map<String, TorchValue> settings = new LinkedHashMap<>();
    for (String arg : args) {
      String[] pair = arg.split("=");
      settings.put(pair[0], new TorchValue.PyStr(pair[1]));
    }
    Map<String, TorchValue> optimizer = new LinkedHashMap<>();
    optimizer.put("state", TorchValue.PyDict.of(Map.of()));
    root.put("opt", TorchValue.PyDict.of(optimizer));
    root.put("args", TorchValue.PyDict.of(settings));
    root.put("steps", new TorchValue.PyInt(7));
    Path file = folder.resolve("0000007.pt");
    TorchWriter.write(file, TorchValue.PyDict.of(root));
    return file;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTrainingIsReadAndWrittenWithItsProjectors(boolean average) throws Exception {
    Path file = training("model=SiT-XL/2", "path_type=linear", "prediction=v", "encoder_depth=2");
    Weights which = average ? Weights.AUTO : Weights.MODEL;
    Map<String, TorchTensor> expected =
        GeneratorSamples.tensors(sit(), Optional.of(TWO), average ? 2 : 1);
    Path pt = folder.resolve("b.pt");
    Path safetensors = folder.resolve("c.safetensors");
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(file, which, HINTS)) {
      assertEquals(sit(), read.config());
      assertEquals(Optional.of(TWO), read.alignment());
      assertEquals(Optional.of(GeneratorProcess.REPA), read.process());
      assertTrue(read.report().isClean(), read.report()::toString);
      assertEquals(Map.of(), read.others());
      new GeneratorWriter(Optional.empty()).writeTorch(pt, read);
    }
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(pt)) {
      assertEquals(Optional.of(TWO), read.alignment());
      new GeneratorWriter(Optional.empty()).writeSafetensors(safetensors, read);
    }
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(safetensors);
        Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      assertEquals(Optional.of(TWO), read.alignment());
      assertEquals(Optional.of(GeneratorProcess.REPA), read.process());
      Dit dit = read.load(stream, true);
      assertEquals(expected.size(), dit.parameters().all().size());
      for (Parameter p : dit.parameters().all()) {
        assertArrayEquals(expected.get(p.name()).floats(), p.value().toFloats(stream), p.name());
      }
      dit.parameters().close();
      Dit sampled = read.load(stream, false);
      assertNull(sampled.alignment());
      sampled.parameters().close();
    }
  }

  @Test
  void argumentsAreOptional() throws Exception {
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(training(), Weights.AUTO, HINTS)) {
      assertEquals(Optional.of(GeneratorProcess.REPA), read.process());
      assertEquals(3, read.alignment().orElseThrow().depth(), "8, of a network of three blocks");
    }
    Path cosine = training("path_type=cosine", "encoder_depth=1");
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(cosine, Weights.AUTO, HINTS)) {
      assertEquals(Optional.of(new GeneratorProcess.Repa(Interpolant.GVP)), read.process());
      assertEquals(1, read.alignment().orElseThrow().depth());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "encoder_depth=4, encoder_depth 4",
    "encoder_depth=x, encoder_depth x",
    "path_type=vp, REPA does not have",
    "prediction=x, REPA does not have"
  })
  void argumentsThatMakeNoSenseAreRefused(String argument, String says) throws Exception {
    Path file = training(argument);
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> GeneratorCheckpoint.open(file, Weights.AUTO, HINTS));
    assertTrue(e.getMessage().contains(says), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"projectors.1.2.bias, missing", "projectors.0.0.weight, lacks projectors.0.0.weight"})
  void aProjectorMustBeWhole(String name, String says) throws Exception {
    Map<String, TorchTensor> tensors = GeneratorSamples.tensors(sit(), Optional.of(TWO), 1);
    tensors.remove(name);
    Path file = GeneratorSamples.safetensors(folder.resolve("a.safetensors"), tensors, Map.of());
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> {
              try (GeneratorCheckpoint read = GeneratorCheckpoint.open(file, Weights.AUTO, HINTS)) {
                read.report().requireClean("FILE");
              }
            });
    assertTrue(e.getMessage().contains(says), e.getMessage());
  }
}
