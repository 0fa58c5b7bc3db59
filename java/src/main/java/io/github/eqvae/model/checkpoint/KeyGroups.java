package io.github.eqvae.model.checkpoint;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Groups of tensors beside an autoencoder in checkpoints of its training and of complete pipelines.
 */
final class KeyGroups {
  static final String AVERAGE = "moving average (use_ema)";

  /** The first prefix that matches decides. */
  private static final Map<String, String> BY_PREFIX = new LinkedHashMap<>();

  /** Buffers of a diffusion process, which are at the root. */
  private static final List<String> SCHEDULE =
      List.of(
          "betas",
          "alphas_cumprod",
          "alphas_cumprod_prev",
          "sqrt_alphas_cumprod",
          "sqrt_one_minus_alphas_cumprod",
          "log_one_minus_alphas_cumprod",
          "sqrt_recip_alphas_cumprod",
          "sqrt_recipm1_alphas_cumprod",
          "posterior_variance",
          "posterior_log_variance_clipped",
          "posterior_mean_coef1",
          "posterior_mean_coef2",
          "logvar");

  static {
    BY_PREFIX.put("loss.discriminator.", "discriminator of the training");
    BY_PREFIX.put("loss.perceptual_loss.", "LPIPS of the training");
    BY_PREFIX.put("loss.", "loss of the training");
    BY_PREFIX.put("model_ema.", AVERAGE);
    BY_PREFIX.put("model.diffusion_model.", "denoising network");
    BY_PREFIX.put("diffusion_model.", "denoising network");
    BY_PREFIX.put("cond_stage_model.", "text encoder");
    BY_PREFIX.put("conditioner.", "text encoders");
    BY_PREFIX.put("text_encoders.", "text encoders");
    BY_PREFIX.put("scale_factor", "scale of the latent");
    BY_PREFIX.put("optimizer", "optimizer");
    // Content of trainings that align an autoencoder with a foundation model: VA-VAE of
    // LightningDiT, REPA-E and later ones.
    for (String name :
        List.of("foundation_model.", "vision_model.", "teacher.", "dino.", "clip.")) {
      BY_PREFIX.put(name, "foundation model of the training");
    }
    for (String name :
        List.of("linear_proj.", "reverse_proj.", "projector", "proj_head.", "repa")) {
      BY_PREFIX.put(name, "projection to a foundation model's features");
    }
    for (String name : List.of("discriminator.", "disc.", "loss_fn.discriminator.")) {
      BY_PREFIX.put(name, "discriminator of the training");
    }
    for (String name : List.of("perceptual_loss.", "lpips.")) {
      BY_PREFIX.put(name, "LPIPS of the training");
    }
    BY_PREFIX.put("loss_fn.", "loss of the training");
  }

  private KeyGroups() {}

  /** The group of a name, without the prefix of the autoencoder's names. */
  static Optional<String> of(String name) {
    if (SCHEDULE.contains(name)) {
      return Optional.of("noise schedule");
    }
    int dot = name.indexOf('.');
    if (dot > 0 && AveragedWeights.isAverage(name.substring(0, dot))) {
      return Optional.of(AVERAGE);
    }
    return BY_PREFIX.entrySet().stream()
        .filter(e -> name.startsWith(e.getKey()))
        .map(Map.Entry::getValue)
        .findFirst();
  }
}
