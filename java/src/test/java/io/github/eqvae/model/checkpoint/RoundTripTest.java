package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * From CompVis' .ckpt over our file to diffusers and back over our file to .ckpt, every published
 * shape, without a changed bit.
 */
class RoundTripTest {
  private static final CheckpointWriter AS_IT_IS = new CheckpointWriter(Optional.empty());

  @TempDir Path folder;

  /** The same names, types, shapes and bytes, whatever they mean. */
  private static void assertSameTensors(Path expected, Path actual) throws IOException {
    try (CheckpointFile from = CheckpointFile.open(expected);
        CheckpointFile to = CheckpointFile.open(actual)) {
      assertEquals(from.tensors().keySet(), to.tensors().keySet());
      for (StoredTensor t : from.tensors().values()) {
        StoredTensor other = to.tensors().get(t.name());
        assertEquals(t.dtype(), other.dtype(), t.name());
        assertArrayEquals(t.shape(), other.shape(), t.name());
        assertEquals(-1, t.bytes().mismatch(other.bytes()), t.name());
      }
    }
  }

  private Path source(KnownModel model, TorchDtype dtype) throws IOException {
    SplittableRandom random = new SplittableRandom(model.ordinal());
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    model
        .architecture()
        .tensors()
        .forEach((name, shape) -> tensors.put(name, Samples.bits(dtype, shape.extents(), random)));
    return Samples.ckpt(folder.resolve("source.ckpt"), tensors);
  }

  /** All at full size, one in single and the others in half precision: the suite has to be fast. */
  @Tag("full")
  @ParameterizedTest
  @CsvSource({
    "SD_VAE, FLOAT32",
    "SDXL_VAE, FLOAT16",
    "SD_VAE_16, BFLOAT16",
    "SD3_VAE, BFLOAT16",
    "FLUX_VAE, FLOAT16",
    "VQGAN_F16_1024, FLOAT16",
    "VQGAN_F16_16384, FLOAT16"
  })
  void keepsEveryBit(KnownModel model, TorchDtype dtype) throws Exception {
    Path source = source(model, dtype);
    Path ours = folder.resolve("model.safetensors");
    Path diffusers = folder.resolve("diffusers");
    Path back = folder.resolve("back.ckpt");
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(source)) {
      assertEquals(model.architecture(), checkpoint.architecture());
      AS_IT_IS.writeSafetensors(ours, checkpoint, model.settings());
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(ours)) {
      assertEquals(model.architecture(), checkpoint.architecture());
      AS_IT_IS.writeDiffusers(diffusers, checkpoint, checkpoint.settings());
    }
    Files.delete(ours);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(diffusers)) {
      assertEquals(KeyNaming.DIFFUSERS, checkpoint.naming());
      assertEquals(model.architecture(), checkpoint.architecture());
      if (model.settings().scaling().isPresent()) {
        assertEquals(model.settings(), checkpoint.settings());
      }
      AS_IT_IS.writeSafetensors(ours, checkpoint, checkpoint.settings());
    }
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(ours)) {
      AS_IT_IS.writeCkpt(back, checkpoint, checkpoint.settings());
    }
    assertSameTensors(source, back);
    for (Path file : new Path[] {source, ours, back}) {
      Files.delete(file);
    }
  }
}
