package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Generators are found in every form of file, their shape is inferred, and no bit changes. */
class GeneratorCheckpointTest {
  private static final GeneratorHints TWO_HEADS =
      new GeneratorHints(OptionalInt.of(2), Optional.empty());

  @TempDir private Path folder;

  private static GeneratorCheckpoint open(Path path, Weights weights) throws IOException {
    return GeneratorCheckpoint.open(path, weights, TWO_HEADS);
  }

  private static void requireSame(Map<String, TorchTensor> expected, GeneratorCheckpoint read) {
    assertEquals(expected.keySet(), read.tensors().keySet());
    read.tensors()
        .forEach(
            (name, tensor) -> assertArrayEquals(bytes(expected.get(name)), bytes(tensor), name));
  }

  private static byte[] bytes(TorchTensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] bytes(StoredTensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  static List<DitConfig> shapes() {
    DitConfig dit = GeneratorSamples.dit();
    return List.of(
        dit,
        GeneratorSamples.lightning(),
        dit.forClasses(0, false),
        dit.forClasses(1000, false),
        dit.forLatents(5, 8),
        // Without rotation and RMS norm, but with norms of queries: LightningDiT's other half.
        new DitConfig(2, 6, 2, 24, 1, 2, 3, 5, true, false, true, false, false, false, true),
        new DitConfig(2, 6, 3, 40, 3, 2, 2.7, 5, true, true, false, false, true, true, true));
  }

  /** The list that files are compared with is that of the network itself. */
  @ParameterizedTest
  @MethodSource("shapes")
  void theListIsThatOfTheNetwork(DitConfig config) {
    Map<String, Shape> made = new LinkedHashMap<>();
    try (Device planner = Device.open("null");
        Stream stream = new Stream(planner)) {
      Dit dit = new Dit(config, stream, 0, false);
      for (Parameter p : dit.parameters().all()) {
        made.put(p.name(), p.shape());
      }
      dit.parameters().close();
    }
    assertEquals(made, TensorList.of(config, Optional.empty()));
  }

  /** Names and shapes of facebookresearch/DiT's twelve networks; make.py lists them. */
  @Test
  void thePublishedNetworksHaveThePublishedNames() throws Exception {
    String text;
    try (InputStream in =
        GeneratorCheckpointTest.class.getResourceAsStream(
            "/io/github/eqvae/generator/dit-networks.tsv")) {
      text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    int networks = 0;
    for (String line : text.lines().filter(l -> !l.startsWith("#")).toList()) {
      String[] cells = line.split("\t");
      DitSize size = DitSize.valueOf(cells[0].replaceAll("DiT-|/.", ""));
      int patch = Integer.parseInt(cells[0].replaceAll(".*/", ""));
      Map<String, Shape> ours = TensorList.of(DitConfig.of(size, patch), Optional.empty());
      assertEquals(Integer.parseInt(cells[1]), ours.size(), cells[0]);
      long numbers = ours.values().stream().mapToLong(Shape::elements).sum();
      assertEquals(Long.parseLong(cells[2]), numbers, cells[0]);
      TreeSet<String> lines = new TreeSet<>();
      ours.forEach((name, shape) -> lines.add(name + " " + List.of(box(shape.extents())) + "\n"));
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("", lines).getBytes(StandardCharsets.UTF_8));
      assertEquals(cells[3], HexFormat.of().formatHex(hash), cells[0]);
      networks++;
    }
    assertEquals(12, networks);
  }

  private static Long[] box(long[] extents) {
    return Arrays.stream(extents).boxed().toArray(Long[]::new);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void theShapeIsInferredAndBitsAreKept(DitConfig config) throws IOException {
    Map<String, TorchTensor> tensors = GeneratorSamples.tensors(config, 1);
    Path file = GeneratorSamples.safetensors(folder.resolve("a.safetensors"), tensors, Map.of());
    GeneratorHints hints =
        new GeneratorHints(
            OptionalInt.of(config.heads()), Optional.of(GeneratorProcess.SIT), OptionalInt.empty());
    Path pt = folder.resolve("b.pt");
    Path back = folder.resolve("c.safetensors");
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(file, Weights.AUTO, hints)) {
      assertEquals(config, read.config());
      assertTrue(read.report().isClean());
      requireSame(tensors, read);
      new GeneratorWriter(Optional.empty()).writeTorch(pt, read);
    }
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(pt)) {
      assertEquals(config, read.config());
      assertEquals(Optional.of(GeneratorProcess.SIT), read.process());
      requireSame(tensors, read);
      new GeneratorWriter(Optional.empty()).writeSafetensors(back, read);
    }
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(back);
        Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      assertEquals(config, read.config());
      requireSame(tensors, read);
      Dit dit = read.load(stream, false);
      for (Parameter p : dit.parameters().all()) {
        assertArrayEquals(tensors.get(p.name()).floats(), p.value().toFloats(stream), p.name());
      }
      dit.parameters().close();
    }
  }

  static List<Arguments> forms() {
    Map<String, TorchTensor> model = GeneratorSamples.tensors(GeneratorSamples.dit(), 1);
    Map<String, TorchTensor> ema = GeneratorSamples.tensors(GeneratorSamples.dit(), 2);
    Map<String, TorchTensor> module = GeneratorSamples.prefixed(model, "module.");
    Map<String, TorchTensor> compiled = GeneratorSamples.prefixed(ema, "module._orig_mod.");
    return List.of(
        Arguments.of(Map.of("model", model, "ema", ema), 2, 1),
        Arguments.of(Map.of("model", module, "ema", compiled), 2, 1),
        Arguments.of(Map.of("state_dict", module), 1, 1),
        Arguments.of(Map.of("ema", ema), 2, 0));
  }

  /** Numbers 1 and 2 are the seeds of the weights; 0 stands for a refusal. */
  @ParameterizedTest
  @MethodSource("forms")
  void theAverageIsTakenUnlessOthersAreWanted(
      Map<String, Map<String, TorchTensor>> dictionaries, int auto, int model) throws IOException {
    Path file = GeneratorSamples.torch(folder.resolve("a.pt"), dictionaries);
    try (GeneratorCheckpoint read = open(file, Weights.AUTO)) {
      requireSame(GeneratorSamples.tensors(GeneratorSamples.dit(), auto), read);
      assertEquals(auto == 2, read.weightsNote().isPresent());
    }
    if (model == 0) {
      assertThrows(EqvaeException.Argument.class, () -> open(file, Weights.MODEL));
    } else {
      try (GeneratorCheckpoint read = open(file, Weights.MODEL)) {
        requireSame(GeneratorSamples.tensors(GeneratorSamples.dit(), model), read);
      }
    }
    if (auto == 1) {
      assertThrows(EqvaeException.Argument.class, () -> open(file, Weights.EMA));
    }
  }

  /** As for autoencoders: half an average is not taken unless it is asked for. */
  @Test
  void anAverageThatLacksTensorsIsNotTaken() throws IOException {
    Map<String, TorchTensor> model = GeneratorSamples.tensors(GeneratorSamples.dit(), 1);
    Map<String, TorchTensor> ema =
        new LinkedHashMap<>(GeneratorSamples.tensors(GeneratorSamples.dit(), 2));
    ema.remove("blocks.0.attn.qkv.bias");
    Path file =
        GeneratorSamples.torch(folder.resolve("half.pt"), Map.of("model", model, "ema", ema));
    try (GeneratorCheckpoint read = open(file, Weights.AUTO)) {
      requireSame(model, read);
      assertTrue(
          read.weightsNote().orElseThrow().contains("their average (ema) lacks tensors: 1"),
          read.weightsNote().toString());
    }
    try (GeneratorCheckpoint read = open(file, Weights.EMA)) {
      assertEquals(
          List.of("blocks.0.attn.qkv.bias"),
          read.report().missing().stream().map(s -> s.split(" ")[0]).toList());
    }
  }

  @Test
  void aBareStateDictIsRead() throws IOException {
    Map<String, TorchTensor> tensors = GeneratorSamples.tensors(GeneratorSamples.dit(), 1);
    Path file = folder.resolve("a.pt");
    TorchWriter.writeStateDict(file, GeneratorSamples.prefixed(tensors, "module."));
    try (GeneratorCheckpoint read = open(file, Weights.AUTO)) {
      requireSame(tensors, read);
      assertEquals(Optional.empty(), read.process());
      assertEquals("module.*", read.where());
    }
  }

  /** What facebookresearch/DiT's training saves, with its optimizer and its arguments; make.py. */
  @Test
  void whatTheReferenceSavesIsRead() throws Exception {
    Path file =
        Path.of(
            GeneratorCheckpointTest.class
                .getResource("/io/github/eqvae/generator/dit-training.pt")
                .toURI());
    try (GeneratorCheckpoint ema = open(file, Weights.AUTO);
        GeneratorCheckpoint model = open(file, Weights.MODEL)) {
      assertEquals(GeneratorSamples.dit(), ema.config());
      assertEquals(Optional.of(GeneratorProcess.DIT), ema.process());
      assertTrue(ema.report().isClean() && model.report().isClean());
      assertTrue(
          ema.weightsNote().orElseThrow().contains("took the averaged weights (ema)"),
          ema.weightsNote().toString());
      String name = "blocks.0.mlp.fc1.weight";
      float moved = ema.tensors().get(name).floats()[0] - model.tensors().get(name).floats()[0];
      assertEquals(1e-2, Math.abs(moved), 1e-3, "AdamW's first step has the size of its rate");
    }
  }

  @Test
  void headsAreAskedForWhereNothingTellsThem() throws IOException {
    Path file =
        GeneratorSamples.safetensors(
            folder.resolve("a.safetensors"),
            GeneratorSamples.tensors(GeneratorSamples.dit(), 1),
            Map.of());
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> GeneratorCheckpoint.open(file));
    assertTrue(e.getMessage().contains("--heads N"), e.getMessage());
    Path told =
        GeneratorSamples.safetensors(
            folder.resolve("b.safetensors"),
            GeneratorSamples.tensors(GeneratorSamples.lightning(), 1),
            Map.of());
    e = assertThrows(EqvaeException.Argument.class, () -> open(told, Weights.AUTO));
    assertTrue(e.getMessage().contains("its tensors have 3 heads, not 2"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "blocks.1.attn.qkv.bias|missing     blocks.1.attn.qkv.bias",
        "y_embedder.embedding_table.weight|",
        "pos_embed|lacks pos_embed",
        "blocks.0.mlp.fc1.weight|lacks blocks.0.mlp.fc1.weight",
        "final_layer.linear.weight|holds no known generator",
      })
  void whatIsMissingIsSaid(String name, String said) throws IOException {
    Map<String, TorchTensor> tensors = GeneratorSamples.tensors(GeneratorSamples.dit(), 1);
    tensors.remove(name);
    Path file = GeneratorSamples.safetensors(folder.resolve("a.safetensors"), tensors, Map.of());
    if (said == null) { // without labels it is another network, and whole
      try (GeneratorCheckpoint read = open(file, Weights.AUTO)) {
        assertEquals(0, read.config().classes());
        assertTrue(read.report().isClean());
      }
      return;
    }
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> {
              try (GeneratorCheckpoint read = open(file, Weights.AUTO)) {
                read.report().requireClean("FILE");
              }
            });
    assertTrue(e.getMessage().contains(said), e.getMessage());
  }

  @Test
  void tensorsOfAnotherShapeThanTheSettingsSayAreListed() throws IOException {
    DitConfig config = GeneratorSamples.dit();
    GeneratorMetadata settings =
        new GeneratorMetadata(
            config.forClasses(5, true), GeneratorProcess.DIT, Optional.empty(), List.of());
    Path file =
        GeneratorSamples.safetensors(
            folder.resolve("a.safetensors"), GeneratorSamples.tensors(config, 1), settings.toMap());
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(file)) {
      assertEquals(
          List.of("wrong shape y_embedder.embedding_table.weight F32[4, 16], expected [6, 16]"),
          read.report().lines());
    }
  }
}
