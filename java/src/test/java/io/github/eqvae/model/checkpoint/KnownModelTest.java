package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.LatentScaling;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KnownModelTest {
  /** The counts are published. */
  @ParameterizedTest
  @CsvSource({
    "SD_VAE, 83653863",
    "SDXL_VAE, 83653863",
    "SD_VAE_16, 69610963",
    "SD3_VAE, 83819683",
    "FLUX_VAE, 83819683",
    "FLUX2_VAE, 84046115",
    "VQGAN_F16_1024, 72141699",
    "VQGAN_F16_16384, 76073859"
  })
  void hasThePublishedNumberOfParameters(KnownModel model, long count) {
    assertEquals(count, model.architecture().parameterCount());
  }

  @ParameterizedTest
  @CsvSource({
    "SD_VAE, 0.18215, 0",
    "SDXL_VAE, 0.13025, 0",
    "SD3_VAE, 1.5305, 0.0609",
    "FLUX_VAE, 0.3611, 0.1159"
  })
  void hasThePublishedScaling(KnownModel model, double factor, double shift) {
    assertEquals(Optional.of(LatentScaling.of(factor, shift)), model.settings().scaling());
  }

  @Test
  void scalingTellsModelsOfOneArchitectureApart() {
    AutoencoderArchitecture architecture = KnownModel.SD_VAE.architecture();
    AutoencoderSettings unknown = AutoencoderSettings.UNKNOWN;
    assertEquals(
        List.of(KnownModel.SD_VAE, KnownModel.SDXL_VAE),
        KnownModel.matching(architecture, unknown));
    assertEquals(
        List.of(KnownModel.SDXL_VAE),
        KnownModel.matching(architecture, unknown.with(LatentScaling.of(0.13025, 0))));
    assertEquals(List.of(), KnownModel.matching(Samples.kl(), unknown));
  }

  @Test
  void theConfigurationOfSdVaeIsTheModels() {
    KnownModel model = KnownModel.SD_VAE;
    AutoencoderConfig config = model.architecture().config(model.settings());
    assertEquals(AutoencoderConfig.sdVae(), config);
    assertEquals(model.architecture(), AutoencoderArchitecture.of(config));
  }

  @Test
  void attentionAtALevelBecomesOneAtAResolution() {
    KnownModel model = KnownModel.SD_VAE_16;
    AutoencoderConfig config = model.architecture().config(model.settings());
    assertEquals(List.of(16), config.attnResolutions());
    assertEquals(model.architecture(), AutoencoderArchitecture.of(config));
  }

  @Test
  void scalingGoesThereAndBack() {
    LatentScaling shifted = KnownModel.SD3_VAE.settings().scaling().orElseThrow();
    assertEquals((0.5 - 0.0609) * 1.5305, shifted.scale(0.5, 3), 1e-12);
    LatentScaling channels = new LatentScaling(0.5, 0, List.of(1.0, 2.0), List.of(4.0, 8.0));
    assertEquals((3.0 - 2) * 0.5 / 8, channels.scale(3, 1), 1e-12);
    for (LatentScaling s : List.of(shifted, channels)) {
      assertEquals(0.7, s.unscale(s.scale(0.7, 1), 1), 1e-12);
    }
  }
}
