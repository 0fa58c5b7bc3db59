package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.model.LatentScaling;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a generator's file says beside its tensors. */
class GeneratorMetadataTest {
  private static final DitConfig NETWORK = DitConfig.of(DitSize.S, 2).forClasses(2, true);

  private static GeneratorMetadata metadata(
      GeneratorProcess process, Optional<LatentsOrigin> latents) {
    return new GeneratorMetadata(NETWORK, process, latents, List.of("cat", "dog"));
  }

  private static GeneratorMetadata read(Map<String, String> map) {
    return GeneratorMetadata.of("FILE", map).orElseThrow();
  }

  @Test
  void whatIsWrittenIsRead() {
    Transport gvp =
        new Transport(
            Interpolant.GVP, Transport.Prediction.NOISE, Transport.Weight.VELOCITY, 1e-3, 2e-3);
    GeneratorProcess.Steps cosine =
        new GeneratorProcess.Steps(
            GeneratorProcess.Schedule.COSINE,
            500,
            GaussianDiffusion.Prediction.VELOCITY,
            GaussianDiffusion.Variance.FIXED_SMALL);
    LatentScaling flux = LatentScaling.batchNorm(List.of(0.5, 0.25), List.of(2.0, 3.0), 2, 1e-4);
    for (GeneratorProcess process :
        List.of(
            GeneratorProcess.DIT, GeneratorProcess.SIT, new GeneratorProcess.Flow(gvp), cosine)) {
      for (LatentScaling scaling : List.of(LatentScaling.of(0.18215, 0.1), flux)) {
        GeneratorMetadata written =
            metadata(process, Optional.of(new LatentsOrigin("runs/vae", "abc", scaling)));
        assertEquals(written, read(written.toMap()));
      }
      GeneratorMetadata without = metadata(process, Optional.empty());
      assertEquals(without, read(without.toMap()));
    }
  }

  @Test
  void theTextIsPlain() {
    String text = metadata(GeneratorProcess.DIT, Optional.empty()).toMap().get("eqvae.generator");
    assertTrue(text.contains("\"learn_sigma\":true"), text);
    assertTrue(text.contains("\"kind\":\"diffusion\",\"schedule\":\"linear\""), text);
    assertTrue(text.contains("\"variance\":\"learned_range\""), text);
  }

  @Test
  void aFileOfOthersHasNone() {
    assertEquals(Optional.empty(), GeneratorMetadata.of("FILE", Map.of("format", "pt")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"depth\":12|\"depth\":0|depth and heads are at least 1",
        "\"depth\":12|\"depth\":12,\"deepness\":12|deepness",
        "\"depth\":12,||depth",
        "\"steps\":1000|\"steps\":2000000000|expected 1 to 1000000",
        "\"schedule\":\"linear\"|\"schedule\":\"spiral\"|spiral",
        "\"kind\":\"diffusion\"|\"kind\":\"magic\"|magic",
        "\"dog\"|null|null",
        ",\"dog\"||1 names of classes, but the network has 2 classes",
      })
  void nonsenseIsRefused(String from, String to, String said) {
    String text = metadata(GeneratorProcess.DIT, Optional.empty()).toMap().get("eqvae.generator");
    assertTrue(text.contains(from), text);
    String changed = text.replace(from, to == null ? "" : to);
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> read(Map.of(GeneratorMetadata.KEY, changed)));
    assertTrue(e.getMessage().startsWith("FILE: eqvae.generator is invalid"), e.getMessage());
    assertTrue(e.getMessage().contains(said), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"[]", "{", "3", "{}"})
  void whatIsNoObjectIsRefused(String text) {
    assertThrows(EqvaeException.Argument.class, () -> read(Map.of(GeneratorMetadata.KEY, text)));
  }

  @Test
  void aNewerVersionIsNotMisread() {
    String text = metadata(GeneratorProcess.DIT, Optional.empty()).toMap().get("eqvae.generator");
    Map<String, String> newer =
        Map.of(GeneratorMetadata.KEY, text.replace("\"version\":1", "\"version\":2"));
    EqvaeException e = assertThrows(EqvaeException.Unsupported.class, () -> read(newer));
    assertTrue(e.getMessage().contains("newer eqvae"), e.getMessage());
  }
}
