package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.DeviceFixture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights of others in our networks. */
class LoadIntoModelTest extends DeviceFixture {
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(3, 3, 4, List.of(1, 2), 1, List.of(32), 64, 2, 2, 2, true, true);

  @TempDir Path folder;

  LoadIntoModelTest() {
    super("cpu");
  }

  private Path diffusersFolder(AutoencoderKl trained) throws IOException {
    Path file = folder.resolve("model.safetensors");
    ModelFile.save(
        file,
        trained.parameters(),
        stream,
        Map.of("format", "pt", "norm_num_groups", "2", "sample_size", "64"));
    Path out = folder.resolve("vae");
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      assertEquals(CONFIG, checkpoint.architecture().config(checkpoint.settings()));
      new CheckpointWriter(Optional.empty())
          .writeDiffusers(out, checkpoint, checkpoint.settings().with(LatentScaling.of(0.9, 0.1)));
    }
    return out;
  }

  private static void assertSameWeights(AutoencoderKl a, AutoencoderKl b, Stream stream) {
    for (Parameter p : a.parameters().all()) {
      assertArrayEquals(
          p.value().toFloats(stream),
          b.parameters().get(p.name()).value().toFloats(stream),
          p.name());
    }
  }

  @Test
  void aModelGoesThroughDiffusersAndBack() throws IOException {
    try (AutoencoderKl trained = new AutoencoderKl(CONFIG, stream, 7, false);
        AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(diffusersFolder(trained));
        AutoencoderKl read = checkpoint.load(stream, false)) {
      assertEquals(CONFIG, read.config());
      assertEquals(Optional.of(LatentScaling.of(0.9, 0.1)), checkpoint.settings().scaling());
      assertSameWeights(trained, read, stream);
    }
  }

  @Test
  void loadingIsStrictAndChangesNothingWhenItFails() throws IOException {
    AutoencoderConfig other =
        new AutoencoderConfig(3, 3, 4, List.of(1, 2), 1, List.of(), 64, 3, 3, 2, false, true);
    try (AutoencoderKl trained = new AutoencoderKl(CONFIG, stream, 7, false);
        AutoencoderKl model = new AutoencoderKl(other, stream, 1, false);
        AutoencoderKl untouched = new AutoencoderKl(other, stream, 1, false);
        AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(diffusersFolder(trained))) {
      EqvaeException e =
          assertThrows(
              EqvaeException.Argument.class, () -> checkpoint.loadInto(model.parameters(), stream));
      for (String part :
          List.of(
              "tensors missing: 0, of a wrong shape: 3",
              "unexpected  quant_conv.bias F32[4]",
              "unexpected  encoder.down_blocks.1.attentions.0.to_q.weight F32[8, 8]",
              "wrong shape encoder.conv_out.weight F32[4, 8, 3, 3], expected [6, 8, 3, 3]")) {
        assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
      }
      assertSameWeights(model, untouched, stream);
      checkpoint.loadInto(trained.parameters(), stream);
    }
  }

  @Test
  void aCodebookDoesNotFit() throws IOException {
    Path file = Samples.ckpt(folder.resolve("vq.ckpt"), Samples.tensors(Samples.vq()));
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
      EqvaeException e =
          assertThrows(EqvaeException.Unsupported.class, () -> checkpoint.load(stream, false));
      assertTrue(e.getMessage().contains("VQModel"), e.getMessage());
    }
  }
}
