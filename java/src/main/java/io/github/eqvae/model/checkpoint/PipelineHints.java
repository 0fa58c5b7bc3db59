package io.github.eqvae.model.checkpoint;

import io.github.eqvae.model.LatentScaling;
import java.util.Map;

/**
 * Recognises an autoencoder by the rest of its pipeline: Stable Diffusion's checkpoints have no
 * configuration, but each generation has other denoising networks or text encoders.
 */
final class PipelineHints {
  private static final String SCALE = "scale_factor";

  private PipelineHints() {}

  static AutoencoderSettings settings(
      Map<String, StoredTensor> all, AutoencoderArchitecture architecture) {
    StoredTensor scale = all.get(SCALE);
    // latent-diffusion stores its measured factor (scale_by_std) as a buffer
    if (scale != null && scale.elements() == 1 && FloatType.of(scale.dtype()).isPresent()) {
      float value = scale.floats()[0];
      if (value > 0 && Float.isFinite(value)) {
        return AutoencoderSettings.UNKNOWN.with(
            LatentScaling.of(Double.parseDouble(Float.toString(value)), 0));
      }
    }
    KnownModel model =
        has(all, "model.diffusion_model.joint_blocks.")
            ? KnownModel.SD3_VAE
            : has(all, "model.diffusion_model.double_blocks.")
                ? KnownModel.FLUX_VAE
                : has(all, "conditioner.embedders.") ? KnownModel.SDXL_VAE : KnownModel.SD_VAE;
    boolean pipeline = has(all, "model.diffusion_model.");
    return pipeline && model.architecture().equals(architecture)
        ? model.settings()
        : AutoencoderSettings.UNKNOWN;
  }

  private static boolean has(Map<String, StoredTensor> all, String prefix) {
    return all.keySet().stream().anyMatch(name -> name.startsWith(prefix));
  }
}
