package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Folders are named and cut as {@code save_pretrained(variant, max_shard_size)} does. */
class FolderLayoutTest {
  @TempDir Path folder;

  private final Map<String, TorchTensor> tensors = Samples.tensors(Samples.kl());

  private Set<String> write(FolderLayout layout, FloatType type) throws IOException {
    Path source = Samples.ckpt(folder.resolve("source.ckpt"), tensors);
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(source)) {
      new CheckpointWriter(Optional.of(type))
          .writeDiffusers(
              folder.resolve("vae"),
              checkpoint,
              new AutoencoderSettings(
                  OptionalInt.of(2),
                  OptionalInt.empty(),
                  Optional.of(LatentScaling.of(1, 0)),
                  Optional.empty()),
              layout);
    }
    Set<String> names = new HashSet<>();
    try (var files = Files.list(folder.resolve("vae"))) {
      files.forEach(f -> names.add(f.getFileName().toString()));
    }
    return names;
  }

  private static FolderLayout layout(String variant, long bytes) {
    return new FolderLayout(Optional.ofNullable(variant), bytes);
  }

  @Test
  void shardsOfAVariant() throws IOException {
    Set<String> names = write(layout("fp16", 2000), FloatType.F16);
    String index = "diffusion_pytorch_model.safetensors.index.fp16.json";
    assertTrue(names.remove(index) && names.remove("config.json"), names.toString());
    assertTrue(names.size() > 3, names.toString());
    int n = names.size();
    JsonNode json = new ObjectMapper().readTree(folder.resolve("vae").resolve(index).toFile());
    long total = 0;
    for (int i = 1; i <= n; i++) {
      String name = "diffusion_pytorch_model.fp16-%05d-of-%05d.safetensors".formatted(i, n);
      assertTrue(names.contains(name), name + " is not among " + names);
      long bytes = 0;
      try (SafetensorsFile shard = SafetensorsFile.open(folder.resolve("vae").resolve(name))) {
        for (String tensor : shard.names()) {
          assertEquals(name, json.path("weight_map").path(tensor).asText());
          bytes += shard.segment(tensor).byteSize();
        }
        assertTrue(bytes <= 2000 || shard.names().size() == 1, name + " has " + bytes);
      }
      total += bytes;
    }
    assertEquals(total, json.path("metadata").path("total_size").asLong());
    assertEquals(tensors.size(), json.path("weight_map").size());
    try (AutoencoderCheckpoint back = AutoencoderCheckpoint.open(folder.resolve("vae"))) {
      assertTrue(back.report().isClean());
      assertEquals(tensors.size(), back.tensors().size());
      for (StoredTensor tensor : back.tensors().values()) {
        assertEquals("F16", tensor.dtype(), tensor.name());
      }
    }
  }

  /** A folder for both, as the pages of published models have it. */
  @Test
  void variantsLieSideBySide() throws IOException {
    write(FolderLayout.DEFAULT, FloatType.F32);
    Set<String> names = write(layout("fp16", FolderLayout.DEFAULT.maxShardBytes()), FloatType.F16);
    assertEquals(
        Set.of(
            "config.json",
            "diffusion_pytorch_model.safetensors",
            "diffusion_pytorch_model.fp16.safetensors"),
        names);
    try (AutoencoderCheckpoint plain = AutoencoderCheckpoint.open(folder.resolve("vae"))) {
      assertArrayEquals(
          tensors.get("decoder.conv_out.bias").floats(),
          plain.tensors().get("decoder.conv_out.bias").floats());
    }
  }

  /** What an earlier conversion left would be read instead of what was written now. */
  @Test
  void nothingOfAnEarlierFormStays() throws IOException {
    write(layout(null, 1000), FloatType.F32);
    assertEquals(
        Set.of("config.json", "diffusion_pytorch_model.safetensors"),
        write(FolderLayout.DEFAULT, FloatType.F32));
    Set<String> cut = write(layout(null, 1000), FloatType.F32);
    assertFalse(cut.contains("diffusion_pytorch_model.safetensors"), cut.toString());
    assertTrue(cut.contains("diffusion_pytorch_model.safetensors.index.json"), cut.toString());
  }

  @ParameterizedTest
  @CsvSource({"5MB, 5000000", "1.5kb, 1500", "10GB, 10000000000", "1GiB, 1073741824", "77, 77"})
  void sizesAreWrittenAsForDiffusers(String text, long bytes) {
    assertEquals(bytes, FolderLayout.bytes(text));
  }

  @ParameterizedTest
  @CsvSource({"''", "MB", "5PB", "-1GB", "five"})
  void otherSizesAreRefused(String text) {
    assertThrows(EqvaeException.Argument.class, () -> FolderLayout.bytes(text));
  }

  @Test
  void aVariantIsAWord() {
    for (String wrong : List.of("", "../x", "a.b", "-x")) {
      assertThrows(EqvaeException.Argument.class, () -> layout(wrong, 1));
    }
  }

  /** SD3's and FLUX' pipelines add shift_factor without asking whether it is there. */
  @Test
  void theShiftIsANumberWhereThereAreNoQuantConvs() throws IOException {
    AutoencoderSettings settings = AutoencoderSettings.UNKNOWN.with(LatentScaling.of(1.5, 0));
    String with = DiffusersConfig.print(KnownModel.SDXL_VAE.architecture(), settings);
    assertTrue(with.contains("\"shift_factor\": null"), with);
    String without = DiffusersConfig.print(KnownModel.SD3_VAE.architecture(), settings);
    assertTrue(without.contains("\"shift_factor\": 0.0"), without);
  }
}
