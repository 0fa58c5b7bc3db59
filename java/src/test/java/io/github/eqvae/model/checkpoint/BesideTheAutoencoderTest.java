package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.torch.TorchTensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What trainings keep beside a whole autoencoder is counted and left alone. */
class BesideTheAutoencoderTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "foundation_model.model.blocks.0.norm1.weight, foundation model of the training",
    "linear_proj.weight, projection to a foundation model's features",
    "reverse_proj.bias, projection to a foundation model's features",
    "projector.0.weight, projection to a foundation model's features",
    "projectors.0.2.bias, projection to a foundation model's features",
    "discriminator.main.0.weight, discriminator of the training",
    "loss_fn.discriminator.main.0.weight, discriminator of the training",
    "loss.discriminator.heads.0.weight, discriminator of the training",
    "perceptual_loss.lin0.model.1.weight, LPIPS of the training"
  })
  void isCounted(String name, String group) throws IOException {
    for (String prefix : new String[] {"", "module.", "first_stage_model."}) {
      Map<String, TorchTensor> all =
          new LinkedHashMap<>(Samples.prefixed(Samples.tensors(Samples.kl()), prefix));
      all.put(prefix + name, Samples.zeros(4));
      Path file = Samples.ckpt(folder.resolve("vavae.pt"), all);
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
        assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
        assertEquals(Map.of(group, 1), checkpoint.others());
      }
    }
  }

  /**
   * A module that may be a part of the way from image to latent must not be left out in silence.
   */
  @Test
  void whatMayBeAPartIsNot() throws IOException {
    for (String name :
        new String[] {"encoder.linear_proj.weight", "latent_norm.weight", "decoder.pre.weight"}) {
      Map<String, TorchTensor> all = new LinkedHashMap<>(Samples.tensors(Samples.kl()));
      all.put(name, Samples.zeros(4));
      try (AutoencoderCheckpoint checkpoint =
          AutoencoderCheckpoint.open(Samples.ckpt(folder.resolve("other.pt"), all))) {
        assertFalse(checkpoint.report().isClean(), name);
      }
    }
  }

  /** Counts of steps, flags and empty tensors at the root compute nothing. */
  @Test
  void countersAndFlagsAre() throws IOException {
    for (String prefix : new String[] {"", "module."}) {
      Map<String, TorchTensor> all =
          new LinkedHashMap<>(Samples.prefixed(Samples.tensors(Samples.kl()), prefix));
      all.put(prefix + "step", Samples.integers(9));
      all.put(prefix + "codes.used", Samples.integers(1, 2));
      all.put(prefix + "empty", Samples.zeros(0));
      for (Path file :
          new Path[] {
            Samples.ckpt(folder.resolve("counted.pt"), all),
            Samples.safetensors(folder.resolve("counted.safetensors"), all)
          }) {
        try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
          assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
          assertEquals(Map.of("counters and flags", 3), checkpoint.others());
        }
      }
    }
  }

  /** Whole numbers within the network may be its weights. */
  @Test
  void wholeNumbersOfTheNetworkAreNot() throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>(Samples.tensors(Samples.kl()));
    all.put("decoder.conv_out.weight_quantized", Samples.integers(1, 2));
    try (AutoencoderCheckpoint checkpoint =
        AutoencoderCheckpoint.open(Samples.ckpt(folder.resolve("quantized.pt"), all))) {
      assertFalse(checkpoint.report().isClean());
    }
  }
}
