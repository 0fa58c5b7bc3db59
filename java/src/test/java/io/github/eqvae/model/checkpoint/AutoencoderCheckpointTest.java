package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every form in which autoencoders are published is read, and is the same autoencoder. */
class AutoencoderCheckpointTest {
  private static final AutoencoderArchitecture KL = Samples.kl();
  private static final AutoencoderSettings SETTINGS =
      new AutoencoderSettings(
          OptionalInt.of(2),
          OptionalInt.of(64),
          Optional.of(LatentScaling.of(0.5, 0.25)),
          Optional.of(false));

  @TempDir Path folder;

  private final Map<String, TorchTensor> tensors = Samples.tensors(KL);

  private void assertSame(AutoencoderCheckpoint checkpoint) {
    assertEquals(KL, checkpoint.architecture());
    assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
    assertEquals(tensors.keySet(), checkpoint.tensors().keySet());
    tensors.forEach(
        (name, tensor) ->
            assertArrayEquals(tensor.floats(), checkpoint.tensors().get(name).floats(), name));
  }

  private Map<String, TorchTensor> diffusers() {
    return Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels());
  }

  private void config(AutoencoderSettings settings) throws IOException {
    Files.writeString(folder.resolve("config.json"), DiffusersConfig.print(KL, settings));
  }

  @ParameterizedTest
  @EnumSource
  void everyNamingIsRead(KeyNaming naming) throws IOException {
    // The name says nothing: it is safetensors.
    Path file =
        Samples.safetensors(
            folder.resolve("vae.ckpt"), Samples.renamed(tensors, naming, KL.levels()));
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertSame(checkpoint);
      assertEquals(naming, checkpoint.naming());
      assertEquals("safetensors", checkpoint.file().format());
      assertEquals(Optional.empty(), checkpoint.settings().scaling());
    }
  }

  /** diffusers' own converter has met projections of two, three and four dimensions. */
  @ParameterizedTest
  @EnumSource(names = {"DIFFUSERS", "DIFFUSERS_LEGACY"})
  void projectionsMayBeConvolutions(KeyNaming naming) throws IOException {
    Map<String, TorchTensor> renamed = Samples.renamed(tensors, naming, KL.levels());
    int[] turn = {0};
    renamed.replaceAll(
        (name, t) -> {
          long[] s = t.shape();
          if (!name.contains(".attentions.") || s.length != 2) {
            return t;
          }
          return turn[0]++ % 2 == 0
              ? TorchTensor.of(t.floats(), s[0], s[1], 1)
              : TorchTensor.of(t.floats(), s[0], s[1], 1, 1);
        });
    assertTrue(turn[0] > 4, "there were no projections");
    Path file = Samples.safetensors(folder.resolve("vae.safetensors"), renamed);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertSame(checkpoint);
    }
  }

  @Test
  void aFolderOfDiffusersIsRead() throws IOException {
    config(SETTINGS);
    Path file =
        Samples.safetensors(folder.resolve("diffusion_pytorch_model.safetensors"), diffusers());
    for (Path path : new Path[] {folder, file}) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path)) {
        assertSame(checkpoint);
        assertEquals(SETTINGS, checkpoint.settings());
      }
    }
  }

  @Test
  void soIsAPipelineAroundIt() throws IOException {
    Path pipeline = Files.createDirectories(folder.resolve("pipeline"));
    Files.writeString(pipeline.resolve("model_index.json"), "{}");
    Path vae = Files.createDirectories(pipeline.resolve("vae"));
    Samples.safetensors(vae.resolve("diffusion_pytorch_model.fp16.safetensors"), diffusers());
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(pipeline)) {
      assertSame(checkpoint);
    }
  }

  @Test
  void torchFilesInAFolderAreRead() throws IOException {
    config(SETTINGS);
    TorchWriter.writeStateDict(folder.resolve("diffusion_pytorch_model.bin"), diffusers());
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(folder)) {
      assertSame(checkpoint);
    }
  }

  @Test
  void shardsAreRead() throws IOException {
    Map<String, Map<String, TorchTensor>> shards = new LinkedHashMap<>();
    StringBuilder index = new StringBuilder("{\"metadata\": {}, \"weight_map\": {");
    diffusers()
        .forEach(
            (name, tensor) -> {
              String shard = "part-" + name.length() % 3 + ".safetensors";
              shards.computeIfAbsent(shard, s -> new LinkedHashMap<>()).put(name, tensor);
              index.append('"').append(name).append("\": \"").append(shard).append("\",");
            });
    index.setCharAt(index.length() - 1, '}');
    assertEquals(3, shards.size());
    for (Map.Entry<String, Map<String, TorchTensor>> shard : shards.entrySet()) {
      Samples.safetensors(folder.resolve(shard.getKey()), shard.getValue());
    }
    Files.writeString(
        folder.resolve("diffusion_pytorch_model.safetensors.index.json"), index + "}");
    config(SETTINGS);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(folder)) {
      assertSame(checkpoint);
    }
  }

  @Test
  void aTrainingsCheckpointIsRead() throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>(tensors);
    all.put("loss.logvar", Samples.zeros());
    all.put("loss.discriminator.main.0.weight", Samples.zeros(4, 3, 4, 4));
    all.put("loss.discriminator.main.3.num_batches_tracked", Samples.integers(7));
    all.put("loss.perceptual_loss.lin0.model.1.weight", Samples.zeros(1, 64, 1, 1));
    Path file = folder.resolve("last.ckpt");
    TorchWriter.writeCheckpoint(
        file,
        all,
        Map.of("epoch", new TorchValue.PyInt(3), "callbacks", TorchValue.PyDict.of(Map.of())));
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertSame(checkpoint);
      assertEquals(
          Map.of(
              "loss of the training",
              1,
              "discriminator of the training",
              2,
              "LPIPS of the training",
              1),
          checkpoint.others());
      assertEquals(
          java.util.Set.of("epoch = 3", "callbacks (0 entries)"),
          java.util.Set.copyOf(checkpoint.file().beside()));
    }
  }

  @Test
  void aPipelinesCheckpointIsReadWithItsScale() throws IOException {
    Map<String, TorchTensor> all = Samples.prefixed(tensors, "first_stage_model.");
    all.put("first_stage_model.loss.logvar", Samples.zeros());
    all.put("model.diffusion_model.input_blocks.0.0.weight", Samples.zeros(4, 4, 3, 3));
    all.put("cond_stage_model.transformer.text_model.final_layer_norm.bias", Samples.zeros(4));
    all.put("betas", Samples.zeros(10));
    all.put("something.else", Samples.zeros(1));
    all.put("scale_factor", TorchTensor.of(new float[] {0.22765f}));
    try (AutoencoderCheckpoint checkpoint =
        AutoencoderCheckpoint.open(Samples.ckpt(folder.resolve("ldm.ckpt"), all))) {
      assertSame(checkpoint);
      assertEquals("first_stage_model.", checkpoint.prefix());
      assertEquals(Optional.of(LatentScaling.of(0.22765, 0)), checkpoint.settings().scaling());
      assertEquals(
          Map.of(
              "loss of the training", 1,
              "denoising network", 1,
              "text encoder", 1,
              "noise schedule", 1,
              "scale of the latent", 1,
              "tensors called something.*", 1),
          checkpoint.others());
    }
  }

  @Test
  void distributedTrainingsPrefixIsRead() throws IOException {
    Path file = Samples.ckpt(folder.resolve("ddp.pt"), Samples.prefixed(tensors, "module."));
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertSame(checkpoint);
    }
  }

  @Test
  void aCodebookIsRead() throws IOException {
    Map<String, TorchTensor> vq = Samples.tensors(Samples.vq());
    Path file = Samples.ckpt(folder.resolve("vqgan.ckpt"), vq);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertEquals(Samples.vq(), checkpoint.architecture());
      assertTrue(checkpoint.report().isClean());
    }
  }

  /** Without quant convs, without attention, with an odd first level: all seen in the tensors. */
  @Test
  void architecturesAreReadOffTheTensors() throws IOException {
    for (AutoencoderArchitecture a :
        new AutoencoderArchitecture[] {
          KnownModel.SD3_VAE.architecture(),
          new AutoencoderArchitecture(
              AutoencoderKind.KL,
              1,
              1,
              2,
              java.util.List.of(4, 2, 6),
              3,
              java.util.List.of(0, 2),
              5,
              3,
              0,
              true,
              true,
              false)
        }) {
      AutoencoderArchitecture small = a.ch() == 128 ? shrunk(a) : a;
      Path file = Samples.ckpt(folder.resolve("a.ckpt"), Samples.tensors(small));
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
        assertEquals(small, checkpoint.architecture());
      }
    }
  }

  private static AutoencoderArchitecture shrunk(AutoencoderArchitecture a) {
    return new AutoencoderArchitecture(
        a.kind(),
        3,
        3,
        a.ch() / 32,
        a.blockOutChannels().stream().map(c -> c / 32).toList(),
        a.numResBlocks(),
        a.attnLevels(),
        a.zChannels(),
        a.embedDim(),
        0,
        a.useQuantConv(),
        a.usePostQuantConv(),
        a.midBlockAddAttention());
  }
}
