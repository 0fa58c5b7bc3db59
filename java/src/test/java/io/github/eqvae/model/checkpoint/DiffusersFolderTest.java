package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every name that diffusers gives its files. Source: huggingface/diffusers {@code
 * models/modeling_utils.py} ({@code save_pretrained}), {@code utils/hub_utils.py} ({@code
 * _add_variant}), {@code models/model_loading_utils.py} ({@code _fetch_index_file_legacy}).
 */
class DiffusersFolderTest {
  private static final AutoencoderArchitecture KL = Samples.kl();
  private static final String NAME = "diffusion_pytorch_model";

  @TempDir Path folder;

  private final Map<String, TorchTensor> tensors =
      Samples.renamed(Samples.tensors(KL), KeyNaming.DIFFUSERS, KL.levels());

  /** How a folder may be written. */
  record Form(String kind, Shards shards, String variant, Place place) {}

  enum Shards {
    WHOLE,
    SHARDED,
    /** Before 0.29 the variant stood elsewhere. */
    SHARDED_LEGACY
  }

  enum Place {
    HERE,
    PIPELINE,
    FOLDER_INSIDE
  }

  static List<Form> forms() {
    return List.of("safetensors", "bin").stream()
        .flatMap(
            kind ->
                List.of(Shards.values()).stream()
                    .flatMap(
                        shards ->
                            List.of("", "fp16", "non_ema", "fp16-fix").stream()
                                .flatMap(
                                    variant ->
                                        List.of(Place.values()).stream()
                                            .map(p -> new Form(kind, shards, variant, p)))))
        .filter(f -> f.shards != Shards.SHARDED_LEGACY || !f.variant.isEmpty())
        .toList();
  }

  private void save(Path file, Map<String, TorchTensor> some) throws IOException {
    if (file.toString().endsWith(".bin")) {
      TorchWriter.writeStateDict(file, some);
    } else {
      Samples.safetensors(file, some);
    }
  }

  private Path write(Form form) throws IOException {
    Path here = form.place == Place.HERE ? folder : Files.createDirectories(folder.resolve("vae"));
    if (form.place == Place.PIPELINE) {
      Files.writeString(folder.resolve("model_index.json"), "{}");
    }
    Files.writeString(here.resolve("config.json"), DiffusersConfig.print(KL, groups()));
    String dot = form.variant.isEmpty() ? "" : "." + form.variant;
    if (form.shards == Shards.WHOLE) {
      save(here.resolve(NAME + dot + "." + form.kind), tensors);
      return here;
    }
    boolean legacy = form.shards == Shards.SHARDED_LEGACY;
    Map<String, Map<String, TorchTensor>> shards = new LinkedHashMap<>();
    Map<String, String> where = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          String number = "-0000" + (1 + name.length() % 2) + "-of-00002";
          String file =
              legacy
                  ? NAME + number + dot + "." + form.kind
                  : NAME + dot + number + "." + form.kind;
          shards.computeIfAbsent(file, f -> new LinkedHashMap<>()).put(name, tensor);
          where.put(name, file);
        });
    for (Map.Entry<String, Map<String, TorchTensor>> shard : shards.entrySet()) {
      save(here.resolve(shard.getKey()), shard.getValue());
    }
    String index =
        legacy
            ? NAME + "." + form.kind + dot + ".index.json"
            : NAME + "." + form.kind + ".index" + dot + ".json";
    Files.writeString(
        here.resolve(index),
        new ObjectMapper().writeValueAsString(Map.of("metadata", Map.of(), "weight_map", where)));
    return here;
  }

  private static AutoencoderSettings groups() {
    return new AutoencoderSettings(
        java.util.OptionalInt.of(2),
        java.util.OptionalInt.empty(),
        java.util.Optional.empty(),
        java.util.Optional.empty());
  }

  private void assertRead(Path path) throws IOException {
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path)) {
      assertEquals(KL, checkpoint.architecture());
      assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
      assertEquals(2, checkpoint.settings().normNumGroups().orElseThrow(), "config.json");
      StoredTensor some = checkpoint.tensors().get("decoder.conv_out.weight");
      assertArrayEquals(tensors.get("decoder.conv_out.weight").floats(), some.floats());
    }
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyFormIsRead(Form form) throws IOException {
    write(form);
    assertRead(folder);
  }

  /** The index stands for its shards, as a single file stands for itself. */
  @ParameterizedTest
  @MethodSource("forms")
  void theFileThatNamesTheWeightsMayBeNamed(Form form) throws IOException {
    Path here = write(form);
    try (var files = Files.list(here)) {
      Path named =
          files
              .filter(f -> !f.getFileName().toString().equals("config.json"))
              .filter(
                  f -> form.shards == Shards.WHOLE || f.getFileName().toString().endsWith(".json"))
              .findFirst()
              .orElseThrow();
      assertRead(named);
    }
  }

  /**
   * As a cache leaves them whose files were removed; without its config.json it is another model.
   */
  @ParameterizedTest
  @ValueSource(strings = {NAME + ".safetensors", "config.json", NAME + ".fp16.safetensors"})
  void linksToNothingAreNamed(String name) throws IOException {
    Files.writeString(folder.resolve("config.json"), DiffusersConfig.print(KL, groups()));
    save(folder.resolve(NAME + ".safetensors"), tensors);
    Path link = folder.resolve(name);
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, Path.of("../../blobs/0a1b"));
    Exception e =
        assertThrows(EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(folder));
    assertEquals(link + " is a link to nothing; download the model again", e.getMessage());
  }

  @Test
  void theFileWithoutVariantIsTakenFirst() throws IOException {
    Map<String, TorchTensor> other = new LinkedHashMap<>(tensors);
    other.put("decoder.conv_out.weight", Samples.zeros(3, 4, 3, 3));
    Files.writeString(folder.resolve("config.json"), DiffusersConfig.print(KL, groups()));
    save(folder.resolve(NAME + ".fp16.safetensors"), other);
    save(folder.resolve(NAME + ".bin"), tensors);
    assertRead(folder);
  }
}
