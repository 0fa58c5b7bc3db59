package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.torch.TorchTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong with a checkpoint is said, all of it, in the names of the file. */
class RefusedCheckpointTest {
  private static final AutoencoderArchitecture KL = Samples.kl();

  @TempDir Path folder;

  private final Map<String, TorchTensor> tensors = Samples.tensors(KL);

  private static void assertSays(EqvaeException e, String... parts) {
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in: " + e.getMessage());
    }
  }

  private EqvaeException refused(Path path) {
    return assertThrows(EqvaeException.class, () -> AutoencoderCheckpoint.open(path).close());
  }

  private EqvaeException refused(Map<String, TorchTensor> wrong) throws IOException {
    return refused(Samples.safetensors(folder.resolve("wrong.safetensors"), wrong));
  }

  private void diffusersFolder(String config) throws IOException {
    Files.writeString(folder.resolve("config.json"), config);
    Samples.safetensors(
        folder.resolve("diffusion_pytorch_model.safetensors"),
        Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels()));
  }

  private static String config() throws IOException {
    return DiffusersConfig.print(KL, AutoencoderSettings.UNKNOWN);
  }

  /** The message lists each of them, with its shape, in the names of the file. */
  @Test
  void everythingThatIsMissingUnexpectedOrMisshapenIsReported() throws IOException {
    Map<String, TorchTensor> wrong = Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels());
    wrong.remove("encoder.conv_in.weight");
    wrong.remove("decoder.up_blocks.1.resnets.0.conv_shortcut.bias");
    wrong.put("decoder.conv_norm_out.bias", Samples.zeros(5));
    wrong.put("encoder.conv_norm_out.bias", Samples.integers(1, 2, 3, 4, 5, 6, 7, 8));
    wrong.put("decoder.time_conv_out.weight", Samples.zeros(3, 3, 3, 1, 1));
    Path file = Samples.safetensors(folder.resolve("vae.safetensors"), wrong);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      KeyReport report = checkpoint.report();
      assertEquals(
          List.of(
              "encoder.conv_in.weight [4, 3, 3, 3]",
              "decoder.up_blocks.1.resnets.0.conv_shortcut.bias [4]"),
          report.missing());
      assertEquals(List.of("decoder.conv_norm_out.bias F32[5], expected [4]"), report.misshaped());
      assertEquals(
          List.of("encoder.conv_norm_out.bias I64[8], expected [F16, BF16, F32, F64]"),
          report.mistyped());
      assertEquals(List.of("decoder.time_conv_out.weight F32[3, 3, 3, 1, 1]"), report.unexpected());
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> report.requireClean("it"));
      report.lines().forEach(line -> assertSays(e, line));
      assertThrows(
          EqvaeException.Argument.class,
          () ->
              new CheckpointWriter(java.util.Optional.empty())
                  .writeDiffusers(folder.resolve("out"), checkpoint, AutoencoderSettings.UNKNOWN));
      assertTrue(Files.notExists(folder.resolve("out")), "something was written");
    }
  }

  @Test
  void aNamingThatIsMixedIsRefused() throws IOException {
    Map<String, TorchTensor> mixed = new LinkedHashMap<>(tensors);
    mixed.put("encoder.down_blocks.0.resnets.0.norm1.weight", Samples.zeros(4));
    assertSays(
        refused(mixed), "mixes namings", "CompVis", "encoder.down_blocks.0.resnets.0.norm1.weight");
    Map<String, TorchTensor> both = Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels());
    both.put("encoder.mid_block.attentions.0.query.bias", Samples.zeros(8));
    assertSays(refused(both), "mixes namings", "attentions.0.query.bias");
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    Files.writeString(
        folder.resolve("diffusion_pytorch_model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"}}");
    Samples.safetensors(folder.resolve("one.safetensors"), Map.of("a", Samples.zeros(1)));
    assertSays(refused(folder), "two.safetensors is missing", "1 of 2 tensors");
  }

  @Test
  void anIndexThatIsWrongIsRefused() throws IOException {
    Path index = folder.resolve("diffusion_pytorch_model.safetensors.index.json");
    Samples.safetensors(folder.resolve("one.safetensors"), Map.of("a", Samples.zeros(1)));
    Files.writeString(
        index, "{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"one.safetensors\"}}");
    assertSays(refused(folder), "1 tensors that are not in their shards: b");
    Files.writeString(index, "{\"weight_map\": {\"a\": \"../one.safetensors\"}}");
    assertSays(refused(folder), "../one.safetensors", "not a file beside it");
    Files.writeString(index, "{\"weight_map\": 3}");
    assertSays(refused(folder), "weight_map");
  }

  @Test
  void severalVariantsAreNotChosenFrom() throws IOException {
    for (String variant : List.of("fp16", "ema")) {
      Samples.safetensors(
          folder.resolve("diffusion_pytorch_model." + variant + ".safetensors"), tensors);
    }
    assertSays(refused(folder), "several variants", "fp16.safetensors", "ema.safetensors");
    Path empty = Files.createDirectories(folder.resolve("empty"));
    assertSays(refused(empty), "no diffusion_pytorch_model.safetensors", "nothing");
  }

  @Test
  void aConfigThatIsCutOffIsRefused() throws IOException {
    diffusersFolder(config().substring(0, 120));
    assertSays(refused(folder), "config.json", "cut off", "line");
    diffusersFolder(config().replace("{", "{\"factor_of_nobody\": NaN, "));
    assertSays(refused(folder), "config.json", "NaN");
    assertTrue(!refused(folder).getMessage().contains("Feature"), "no word of Java libraries");
    diffusersFolder("// by hand\n" + config());
    assertSays(refused(folder), "config.json", "comments are not JSON");
    assertTrue(!refused(folder).getMessage().contains("Feature"), "no word of Java libraries");
  }

  /** A field that is not there has diffusers' default, which these tensors do not have. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"latent_channels\": 2|\"latent_channels\": 8|z_channels: config.json has 8, the tensors"
            + " 2",
        "\"latent_channels\": 2,||z_channels: config.json has 4, the tensors 2",
        "\"layers_per_block\": 1|\"layers_per_block\": 2|num_res_blocks: config.json has 2",
        "\"use_quant_conv\": true|\"use_quant_conv\": false|use_quant_conv: config.json has false",
        "AutoencoderKL|AutoencoderTiny|AutoencoderTiny",
        "\"_class_name\": \"AutoencoderKL\",||no _class_name",
        "\"silu\"|\"relu\"|act_fn is \"relu\"",
        "\"norm_num_groups\": 32|\"norm_num_groups\": 3|norm_num_groups 3 does not divide",
        "\"AttnDownEncoderBlock2D\"|\"DownBlock2D\"|down_block_types is",
        "\"AttnDownEncoderBlock2D\"|\"DownEncoderBlock2D\"|up_block_types",
        "\"in_channels\": 3|\"in_channels\": \"3\"|in_channels is \"3\", expected a positive"
            + " integer",
        "\"scaling_factor\": 0.18215|\"scaling_factor\": -1|scaling_factor -1.0"
      })
  void aConfigThatDisagreesIsRefused(String there, String instead, String says) throws IOException {
    String good = config();
    assertTrue(good.contains(there), there + " is not in " + good);
    // 32 groups do not divide 4 channels; here the numbers are to blame that are replaced.
    String wrong =
        good.replace(there, instead == null ? "" : instead)
            .replace("\"norm_num_groups\": 32", "\"norm_num_groups\": 2");
    diffusersFolder(wrong);
    assertSays(refused(folder), "config.json", says);
  }

  @Test
  void statisticsOfAnotherNumberOfChannelsAreRefused() throws IOException {
    diffusersFolder(
        config()
            .replace("\"latents_mean\": null", "\"latents_mean\": [0.5]")
            .replace("\"latents_std\": null", "\"latents_std\": [1.5]")
            .replace("\"norm_num_groups\": 32", "\"norm_num_groups\": 2"));
    assertSays(refused(folder), "config.json", "latents_std have 1 numbers; expected 2");
  }

  @Test
  void anotherModelIsNamed() throws IOException {
    Map<String, TorchTensor> dit = new LinkedHashMap<>();
    dit.put("pos_embed", Samples.zeros(1, 4, 8));
    dit.put("x_embedder.proj.weight", Samples.zeros(8, 4, 2, 2));
    dit.put("blocks.0.adaLN_modulation.1.weight", Samples.zeros(48, 8));
    dit.put("final_layer.linear.weight", Samples.zeros(32, 8));
    assertSays(refused(dit), "holds no autoencoder: it is a DiT or SiT");
    dit.put("projectors.0.0.weight", Samples.zeros(8, 8));
    assertSays(refused(dit), "a SiT trained with REPA");
    assertSays(refused(Map.of("lin0.model.1.weight", Samples.zeros(1, 64, 1, 1))), "it is LPIPS");
    assertSays(
        refused(Map.of("main.0.weight", Samples.zeros(64, 3, 4, 4))), "PatchGAN discriminator");
    assertSays(refused(Map.of("head.weight", Samples.zeros(1))), "none of its 1", "head.weight");
  }

  @Test
  void whatIsNoCheckpointIsRefused() throws IOException {
    Path json = Files.writeString(folder.resolve("config.json"), "{\"a\": 1}");
    assertSays(refused(json), "is JSON", "name the folder");
    Path text = Files.writeString(folder.resolve("vae.safetensors"), "hello, world");
    assertSays(refused(text), "a server that refused", "hello, world");
    assertThrows(IOException.class, () -> AutoencoderCheckpoint.open(folder.resolve("none")));
  }

  /** Whoever downloads gets such files in the place of weights. */
  @ParameterizedTest
  @CsvSource({
    "1f8b0800, packed by gzip: unpack it first",
    "425a6839, packed by bzip2: unpack it first",
    "fd377a585a00, packed by xz: unpack it first",
    "28b52ffd, packed by Zstandard: unpack it first",
    "255044462d312e37, a PDF",
    "3c21646f63747970652068746d6c3e, a web page",
    "0a0a3c68746d6c3e, a web page",
    "efbbbf3c68746d6c3e, a web page",
    "7b226572726f72223a2022476174656422207d, refused the download: {\"error\": \"Gated\" }",
    "7b227765696768745f6d6170223a207b7d7d, an index",
    "496e76616c696420757365726e616d65, Invalid username",
    "76657273696f6e2068747470733a2f2f6769742d6c66732e6769746875622e636f6d, git lfs pull",
    "'', is empty"
  })
  void whatAFileIsInsteadIsSaid(String start, String says) throws IOException {
    byte[] bytes = HexFormat.of().parseHex(start);
    for (String name : List.of("vae.safetensors", "vae.pt")) {
      assertSays(
          refused(Files.write(folder.resolve(name), bytes)), "is no checkpoint: it is", says);
    }
    // Also where safetensors alone will do.
    Path weights = Files.write(folder.resolve("lpips.safetensors"), bytes);
    String message =
        assertThrows(IOException.class, () -> SafetensorsFile.open(weights)).getMessage();
    assertTrue(message.contains(says), message);
    assertTrue(message.contains("(header too "), message);
  }

  /** Weights, perhaps, but not as torch.save writes them. */
  @Test
  void aNumpyArchiveIsNamed() throws IOException {
    Path file = folder.resolve("vae.npz");
    NpzFile.write(file, Map.of("encoder.conv_in.weight", NpyArray.floats(new float[2], 2)));
    String message =
        assertThrows(IOException.class, () -> AutoencoderCheckpoint.open(file)).getMessage();
    assertTrue(message.contains("a NumPy archive (.npz) of \"encoder.conv_in.weight"), message);
    assertTrue(message.contains("torch.save("), message);
  }

  /** A plain autoencoder, and names that claim a million levels. */
  @Test
  void whatCannotBeAnAutoencoderIsRefused() throws IOException {
    Map<String, TorchTensor> plain = new LinkedHashMap<>(tensors);
    plain.put("encoder.conv_out.weight", Samples.zeros(2, 8, 3, 3));
    assertSays(refused(plain), "without double_z");
    Map<String, TorchTensor> deep = new LinkedHashMap<>(tensors);
    deep.put("encoder.down.999.block.0.conv1.weight", Samples.zeros(4, 4, 3, 3));
    assertSays(refused(deep), "encoder.down.999");
    Map<String, TorchTensor> twice = new LinkedHashMap<>(Samples.prefixed(tensors, "a."));
    twice.putAll(Samples.prefixed(tensors, "b."));
    assertSays(refused(twice), "several autoencoders", "a., b.");
    assertSays(
        refused(Map.of("encoder.conv_in.weight", Samples.zeros(4, 3, 3, 3))), "has no levels");
  }

  /** Tensors of other classes look like damaged files of ours; config.json knows better. */
  @ParameterizedTest
  @CsvSource({
    "AutoencoderDC, deep compression",
    "AutoencoderTiny, without norms",
    "AutoencoderKLWan, videos",
    "AutoencoderOobleck, sound",
    "SomethingNew, expected an AutoencoderKL"
  })
  void aClassThatIsNotOursIsNamed(String name, String reason) throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"_class_name\": \"" + name + "\"}");
    Samples.safetensors(
        folder.resolve("diffusion_pytorch_model.safetensors"),
        Map.of("encoder.conv_in.weight", Samples.zeros(4, 3, 3, 3)));
    assertSays(refused(folder), name, reason, "config.json");
  }
}
