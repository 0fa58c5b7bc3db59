package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PipelineHintsTest {
  private static Map<String, StoredTensor> tensors(String... names) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (String name : names) {
      MemorySegment bytes = MemorySegment.ofArray(new byte[8]);
      tensors.put(name, new StoredTensor(name, "F32", new long[] {2}, () -> bytes));
    }
    return tensors;
  }

  @ParameterizedTest
  @CsvSource({
    "model.diffusion_model.input_blocks.0.0.bias, cond_stage_model.x, SD_VAE",
    "model.diffusion_model.input_blocks.0.0.bias, conditioner.embedders.1.x, SDXL_VAE",
    "model.diffusion_model.joint_blocks.0.x, text_encoders.x, SD3_VAE",
    "model.diffusion_model.double_blocks.0.x, text_encoders.x, FLUX_VAE"
  })
  void thePipelineTellsItsAutoencoder(String network, String encoder, KnownModel model) {
    assertEquals(
        model.settings(), PipelineHints.settings(tensors(network, encoder), model.architecture()));
  }

  @Test
  void nothingIsGuessed() {
    AutoencoderArchitecture sd = KnownModel.SD_VAE.architecture();
    // Without a denoising network it is no pipeline; with another architecture, not that one.
    assertEquals(
        AutoencoderSettings.UNKNOWN, PipelineHints.settings(tensors("cond_stage_model.x"), sd));
    assertEquals(
        AutoencoderSettings.UNKNOWN,
        PipelineHints.settings(tensors("model.diffusion_model.joint_blocks.0.x"), sd));
    assertEquals(AutoencoderSettings.UNKNOWN, PipelineHints.settings(tensors("scale_factor"), sd));
  }
}
