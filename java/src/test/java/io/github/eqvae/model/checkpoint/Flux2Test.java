package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** FLUX.2's autoencoder: ours, with a batch norm of the latent's squares among the tensors. */
class Flux2Test {
  private static final AutoencoderArchitecture KL = Samples.kl();

  /** 2 channels in squares of 2×2. */
  private static final int STATISTICS = 8;

  @TempDir Path folder;

  private final Map<String, TorchTensor> tensors = Samples.tensors(KL);
  private final float[] mean = new float[STATISTICS];
  private final float[] variance = new float[STATISTICS];

  private Map<String, TorchTensor> withNorm(Map<String, TorchTensor> named) {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < STATISTICS; i++) {
      mean[i] = (float) random.nextDouble(-1, 1);
      variance[i] = (float) random.nextDouble(0.01, 5);
    }
    Map<String, TorchTensor> all = new LinkedHashMap<>(named);
    all.put("bn.running_mean", TorchTensor.of(mean, STATISTICS));
    all.put("bn.running_var", TorchTensor.of(variance, STATISTICS));
    all.put("bn.num_batches_tracked", Samples.integers(1234));
    return all;
  }

  private static AutoencoderSettings groups() {
    return new AutoencoderSettings(
        OptionalInt.of(2), OptionalInt.of(64), Optional.empty(), Optional.empty());
  }

  /** The list was made by diffusers (flux2-vae.py beside it). */
  @Test
  void namesShapesAndCountAreThoseOfDiffusers() throws IOException {
    Map<String, String> expected = new LinkedHashMap<>();
    try (InputStream in =
        AutoencoderArchitecture.class.getResourceAsStream("/io/github/eqvae/model/flux2-vae.tsv")) {
      new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t"))
          .forEach(cells -> expected.put(cells[0], cells[1]));
    }
    assertEquals(251, expected.size(), "the list is not whole");
    AutoencoderArchitecture flux2 = KnownModel.FLUX2_VAE.architecture();
    Map<String, String> ours = new LinkedHashMap<>();
    flux2
        .tensors()
        .forEach(
            (name, shape) -> {
              String theirs =
                  new KeyMap(4)
                      .translate(name, KeyNaming.COMPVIS, KeyNaming.DIFFUSERS)
                      .orElseThrow();
              boolean matrix = theirs.contains(".to_") && theirs.endsWith(".weight");
              long[] s = shape.extents();
              ours.put(theirs, Arrays.toString(matrix ? Arrays.copyOf(s, 2) : s));
            });
    for (String statistic : List.of("bn.running_mean", "bn.running_var")) {
      ours.put(statistic, "[" + 4 * flux2.embedDim() + "]");
    }
    ours.put("bn.num_batches_tracked", "[]");
    assertEquals(expected, ours);
  }

  /** Through every form that is written, to the bit. */
  @Test
  void theNormIsTheScalingAndIsWrittenAgain() throws IOException {
    Map<String, TorchTensor> theirs =
        withNorm(Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels()));
    Path source = Files.createDirectories(folder.resolve("source"));
    Files.writeString(
        source.resolve("config.json"),
        DiffusersConfig.print(
            KL,
            groups()
                .with(
                    LatentScaling.batchNorm(
                        List.of(0.0), List.of(1.0), 2, 1e-4)))); // its statistics are not there
    Samples.safetensors(source.resolve("diffusion_pytorch_model.safetensors"), theirs);
    Path diffusers = folder.resolve("diffusers");
    Path file = folder.resolve("compvis.safetensors");
    Path ckpt = folder.resolve("compvis.ckpt");
    CheckpointWriter writer = new CheckpointWriter(Optional.empty());
    try (AutoencoderCheckpoint first = AutoencoderCheckpoint.open(source)) {
      writer.writeDiffusers(diffusers, first, first.settings());
      writer.writeSafetensors(file, first, first.settings());
      writer.writeCkpt(ckpt, first, first.settings());
    }
    assertEquals(
        Files.readString(source.resolve("config.json")),
        Files.readString(diffusers.resolve("config.json")));
    for (Path path : List.of(source, diffusers, file, ckpt)) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(path)) {
        assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
        assertEquals(Map.of(), checkpoint.others());
        LatentScaling scaling = checkpoint.settings().scaling().orElseThrow();
        assertTrue(scaling.gathers());
        assertEquals(1e-4, scaling.eps());
        for (int i = 0; i < STATISTICS; i++) {
          assertEquals(mean[i], scaling.mean().get(i).floatValue());
          assertEquals(variance[i], (float) scaling.variance(i));
          assertEquals(
              (0.7 - mean[i]) / Math.sqrt(variance[i] + 1e-4), scaling.scale(0.7, i), 1e-12);
        }
        StoredTensor stored = checkpoint.file().tensors().get("bn.running_var");
        assertArrayEquals(variance, stored.floats(), path.toString());
      }
    }
  }

  /** FLUX.2's own file has CompVis' names, but the quant convs inside encoder and decoder. */
  @Test
  void itsOwnFileIsRead() throws IOException {
    Map<String, TorchTensor> own = new LinkedHashMap<>();
    withNorm(tensors)
        .forEach(
            (name, tensor) ->
                own.put(
                    name.startsWith("quant_conv.")
                        ? "encoder." + name
                        : name.startsWith("post_quant_conv.") ? "decoder." + name : name,
                    tensor));
    try (AutoencoderCheckpoint checkpoint =
        AutoencoderCheckpoint.open(Samples.safetensors(folder.resolve("ae.safetensors"), own))) {
      assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
      assertEquals(KL, checkpoint.architecture());
      assertTrue(checkpoint.settings().scaling().orElseThrow().gathers());
    }
  }

  /** What training and encoding know of it lies beside the tensors as text. */
  @Test
  void metadataKeepsIt() {
    LatentScaling norm =
        LatentScaling.batchNorm(List.of(0.1, -0.2, 0.3, 0.4), List.of(1.0, 2.0, 0.5, 3.0), 2, 1e-4);
    AutoencoderSettings settings = groups().with(norm);
    assertEquals(settings, AutoencoderSettings.of("file", settings.metadata()));
  }

  @Test
  void statisticsThatCannotBeAreRefused() throws IOException {
    Map<String, TorchTensor> wrong = withNorm(tensors);
    wrong.put("bn.running_var", Samples.zeros(2));
    assertRefused(wrong, "bn.running_var", "expected [8]");
    wrong = withNorm(tensors);
    wrong.remove("bn.running_mean");
    assertRefused(wrong, "there is no bn.running_mean");
    wrong = withNorm(tensors);
    variance[3] = Float.NaN;
    wrong.put("bn.running_var", TorchTensor.of(variance, STATISTICS));
    assertRefused(wrong, "channel 3");
  }

  private void assertRefused(Map<String, TorchTensor> wrong, String... says) throws IOException {
    Path file = Samples.safetensors(folder.resolve("wrong.safetensors"), wrong);
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file));
    for (String part : says) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void aDecoderOfOtherWidthsIsNamed() throws IOException {
    Samples.safetensors(
        folder.resolve("diffusion_pytorch_model.safetensors"),
        withNorm(Samples.renamed(tensors, KeyNaming.DIFFUSERS, KL.levels())));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"_class_name\": \"AutoencoderKLFlux2\", \"block_out_channels\": [4, 8],"
            + " \"decoder_block_out_channels\": [2, 4]}");
    EqvaeException e =
        assertThrows(EqvaeException.Unsupported.class, () -> AutoencoderCheckpoint.open(folder));
    assertTrue(e.getMessage().contains("[2, 4]"), e.getMessage());
  }
}
