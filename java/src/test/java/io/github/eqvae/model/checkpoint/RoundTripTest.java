package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
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

  /** Type, shape and digest of every tensor of a file, whatever they mean. */
  private static Map<String, String> digests(Path path)
      throws IOException, NoSuchAlgorithmException {
    MessageDigest sha = MessageDigest.getInstance("SHA-256");
    Map<String, String> digests = new TreeMap<>();
    try (CheckpointFile file = CheckpointFile.open(path)) {
      for (StoredTensor t : file.tensors().values()) {
        ByteBuffer bytes = t.bytes().asByteBuffer();
        sha.update(bytes);
        digests.put(
            t.name(),
            t.dtype() + Arrays.toString(t.shape()) + HexFormat.of().formatHex(sha.digest(), 0, 16));
      }
    }
    return digests;
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
    Map<String, String> digests = digests(source);
    Files.delete(source);
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
    assertEquals(digests, digests(back));
    for (Path file : new Path[] {ours, back}) {
      Files.delete(file);
    }
  }
}
