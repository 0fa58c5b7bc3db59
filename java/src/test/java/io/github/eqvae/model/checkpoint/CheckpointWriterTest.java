package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchFile;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {
  /** As {@code AutoencoderKL(...).save_pretrained} of diffusers 0.40.0.dev0 wrote it. */
  private static final String KL =
      """
      {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.40.0.dev0",
        "act_fn": "silu",
        "block_out_channels": [
          4,
          8
        ],
        "down_block_types": [
          "DownEncoderBlock2D",
          "AttnDownEncoderBlock2D"
        ],
        "force_upcast": false,
        "in_channels": 3,
        "latent_channels": 2,
        "latents_mean": null,
        "latents_std": null,
        "layers_per_block": 1,
        "mid_block_add_attention": true,
        "norm_num_groups": 2,
        "out_channels": 3,
        "sample_size": 64,
        "scaling_factor": 1.5305,
        "shift_factor": 0.0609,
        "up_block_types": [
          "AttnUpDecoderBlock2D",
          "UpDecoderBlock2D"
        ],
        "use_post_quant_conv": true,
        "use_quant_conv": true
      }
      """;

  /** As {@code VQModel(...).save_pretrained} wrote it. */
  private static final String VQ =
      """
      {
        "_class_name": "VQModel",
        "_diffusers_version": "0.40.0.dev0",
        "act_fn": "silu",
        "block_out_channels": [
          4,
          4,
          8
        ],
        "down_block_types": [
          "DownEncoderBlock2D",
          "DownEncoderBlock2D",
          "AttnDownEncoderBlock2D"
        ],
        "force_upcast": false,
        "in_channels": 3,
        "latent_channels": 6,
        "layers_per_block": 2,
        "lookup_from_codebook": false,
        "mid_block_add_attention": true,
        "norm_num_groups": 32,
        "norm_type": "group",
        "num_vq_embeddings": 10,
        "out_channels": 3,
        "sample_size": 256,
        "scaling_factor": 0.18215,
        "up_block_types": [
          "AttnUpDecoderBlock2D",
          "UpDecoderBlock2D",
          "UpDecoderBlock2D"
        ],
        "vq_embed_dim": 3
      }
      """;

  private static final AutoencoderSettings SETTINGS =
      new AutoencoderSettings(
          OptionalInt.of(2),
          OptionalInt.of(64),
          Optional.of(LatentScaling.of(1.5305, 0.0609)),
          Optional.of(false));

  private static final CheckpointWriter AS_IT_IS = new CheckpointWriter(Optional.empty());

  @TempDir Path folder;

  private Map<String, TorchTensor> tensors;

  @BeforeEach
  void tensors() {
    tensors = Samples.tensors(Samples.kl());
  }

  private AutoencoderCheckpoint source() throws IOException {
    return AutoencoderCheckpoint.open(Samples.ckpt(folder.resolve("source.ckpt"), tensors));
  }

  @Test
  void theConfigIsThatOfDiffusers() throws IOException {
    assertEquals(KL, DiffusersConfig.print(Samples.kl(), SETTINGS));
    assertEquals(VQ, DiffusersConfig.print(Samples.vq(), AutoencoderSettings.UNKNOWN));
  }

  @Test
  void theConfigIsReadBack() throws IOException {
    AutoencoderSettings channels =
        SETTINGS.with(new LatentScaling(0.5, 0, List.of(0.25, -1.0), List.of(2.0, 3.0)));
    for (AutoencoderSettings settings : List.of(SETTINGS, channels)) {
      Path file = folder.resolve("config.json");
      Files.writeString(file, DiffusersConfig.print(Samples.kl(), settings));
      assertEquals(
          new DiffusersConfig(Samples.kl(), settings, LatentNorm.EPS), DiffusersConfig.read(file));
      assertEquals(settings, AutoencoderSettings.of("it", settings.metadata()));
    }
    Path file = Files.writeString(folder.resolve("vq.json"), VQ);
    assertEquals(Samples.vq(), DiffusersConfig.read(file).architecture());
  }

  @Test
  void aFolderOfDiffusersHasItsFiles() throws IOException {
    Path out = folder.resolve("new/vae");
    try (AutoencoderCheckpoint source = source()) {
      CheckpointWriter.Written written = AS_IT_IS.writeDiffusers(out, source, SETTINGS);
      assertEquals(Map.of(), written.overflows());
    }
    assertEquals(KL, Files.readString(out.resolve("config.json")));
    try (SafetensorsFile file =
        SafetensorsFile.open(out.resolve("diffusion_pytorch_model.safetensors"))) {
      assertEquals(Map.of("format", "pt"), file.metadata());
      Map<String, TorchTensor> expected = Samples.renamed(tensors, KeyNaming.DIFFUSERS, 2);
      assertEquals(expected.keySet(), Set.copyOf(file.names()));
      expected.forEach(
          (name, tensor) -> {
            assertArrayEquals(tensor.shape(), file.info(name).shape(), name);
            assertArrayEquals(tensor.floats(), file.floats(name), name);
          });
      assertArrayEquals(
          new long[] {8, 8}, file.info("encoder.mid_block.attentions.0.to_out.0.weight").shape());
    }
  }

  /** The settings travel with files that have no other place for them. */
  @Test
  void compVisFilesKeepTheSettings() throws IOException {
    Path ckpt = folder.resolve("vae.ckpt");
    Path safe = folder.resolve("vae.safetensors");
    try (AutoencoderCheckpoint source = source()) {
      AS_IT_IS.writeCkpt(ckpt, source, SETTINGS);
      AS_IT_IS.writeSafetensors(safe, source, SETTINGS);
    }
    for (Path file : List.of(ckpt, safe)) {
      try (AutoencoderCheckpoint back = AutoencoderCheckpoint.open(file)) {
        assertEquals(SETTINGS, back.settings());
        assertEquals(KeyNaming.COMPVIS, back.naming());
        assertTrue(back.report().isClean());
      }
    }
    try (TorchFile file = TorchFile.open(ckpt)) {
      Map<String, TorchTensor> dict = file.stateDict("state_dict");
      assertEquals(List.copyOf(tensors.keySet()), List.copyOf(dict.keySet()));
      tensors.forEach(
          (name, t) -> {
            assertEquals(t.dtype(), dict.get(name).dtype());
            assertArrayEquals(t.shape(), dict.get(name).shape(), name);
            assertArrayEquals(t.floats(), dict.get(name).floats(), name);
          });
    }
  }

  @Test
  void numbersAreConvertedAndOverflowIsReported() throws IOException {
    TorchTensor large = TorchTensor.of(new float[] {1e5f, -70000, 0.1f, 65504}, 4);
    tensors.put("decoder.norm_out.weight", large);
    Path file = folder.resolve("half.safetensors");
    try (AutoencoderCheckpoint source = source()) {
      CheckpointWriter.Written half =
          new CheckpointWriter(Optional.of(FloatType.F16)).writeSafetensors(file, source, SETTINGS);
      assertEquals(Map.of("decoder.norm_out.weight", 2L), half.overflows());
      CheckpointWriter.Written brain =
          new CheckpointWriter(Optional.of(FloatType.BF16))
              .writeCkpt(folder.resolve("b.ckpt"), source, SETTINGS);
      assertEquals(Map.of(), brain.overflows());
    }
    try (SafetensorsFile back = SafetensorsFile.open(file)) {
      assertEquals("F16", back.info("encoder.conv_in.weight").dtype());
      assertArrayEquals(
          new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0.0999755859375f, 65504},
          back.floats("decoder.norm_out.weight"));
    }
    try (TorchFile back = TorchFile.open(folder.resolve("b.ckpt"))) {
      TorchTensor t = back.stateDict().get("decoder.norm_out.weight");
      assertEquals(TorchDtype.BFLOAT16, t.dtype());
      assertArrayEquals(new float[] {99840, -70144, 0.10009765625f, 65536}, t.floats());
    }
  }

  @Test
  void settingsThatMakeNoSenseAreRefused() {
    for (Map<String, String> wrong :
        List.of(
            Map.of("norm_num_groups", "many"),
            Map.of("sample_size", "0"),
            Map.of("scaling_factor", "-1"))) {
      EqvaeException e =
          assertThrows(
              EqvaeException.Argument.class, () -> AutoencoderSettings.of("vae.ckpt", wrong));
      assertTrue(e.getMessage().startsWith("vae.ckpt: the settings"), e.getMessage());
    }
  }

  @Test
  void whatDiffusersCannotSayIsRefused() {
    AutoencoderArchitecture wide =
        new AutoencoderArchitecture(
            AutoencoderKind.KL, 3, 3, 2, List.of(4), 1, List.of(), 4, 2, 0, true, true, true);
    EqvaeException e =
        assertThrows(EqvaeException.Unsupported.class, () -> DiffusersConfig.print(wide, SETTINGS));
    assertTrue(e.getMessage().contains("ch_mult must begin with 1"), e.getMessage());
    assertTrue(e.getMessage().contains("embed_dim 2 must equal z_channels 4"), e.getMessage());
  }
}
