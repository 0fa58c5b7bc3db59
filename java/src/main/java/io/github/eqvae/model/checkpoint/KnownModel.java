package io.github.eqvae.model.checkpoint;

import io.github.eqvae.model.LatentScaling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Published autoencoders. Several share an architecture and differ only in weights and scaling;
 * then only {@code config.json}, or other parts of the file, tell them apart.
 */
public enum KnownModel {
  /** CompVis kl-f8, stabilityai/sd-vae-ft-mse and sd-vae-ft-ema: f8, 4 channels. */
  SD_VAE("sd-vae", "SD-VAE f8 d4", kl(List.of(1, 2, 4, 4), false, 4, true), 256, 0.18215, 0),
  /** The same architecture, trained again for SDXL; its activations overflow in half precision. */
  SDXL_VAE("sdxl-vae", "SDXL-VAE f8 d4", kl(List.of(1, 2, 4, 4), false, 4, true), 1024, 0.13025, 0),
  /** CompVis kl-f16: f16, 16 channels. No scaling was published: users measure their own. */
  SD_VAE_16(
      "sd-vae-16", "SD-VAE-16 f16 d16", kl(List.of(1, 1, 2, 2, 4), true, 16, true), 256, null, 0),
  /** Stable Diffusion 3: f8, 16 channels, no 1×1 convolutions around the latent. */
  SD3_VAE(
      "sd3-vae", "SD3-VAE f8 d16", kl(List.of(1, 2, 4, 4), false, 16, false), 1024, 1.5305, 0.0609),
  /** FLUX.1, of the same architecture. */
  FLUX_VAE(
      "flux-vae",
      "FLUX-VAE f8 d16",
      kl(List.of(1, 2, 4, 4), false, 16, false),
      1024,
      0.3611,
      0.1159),
  /** FLUX.2: f8, 32 channels; the scaling of its latents is stored among its tensors. */
  FLUX2_VAE(
      "flux2-vae", "FLUX.2-VAE f8 d32", kl(List.of(1, 2, 4, 4), false, 32, true), 1024, null, 0),
  /** taming-transformers, ImageNet, 1024 codes of 256 channels. */
  VQGAN_F16_1024("vqgan-f16-1024", "VQ-GAN f16, 1024 codes", vq(1024), 256, null, 0),
  /** taming-transformers, ImageNet, 16384 codes of 256 channels. */
  VQGAN_F16_16384("vqgan-f16-16384", "VQ-GAN f16, 16384 codes", vq(16384), 256, null, 0);

  private final String id;
  private final String title;
  private final AutoencoderArchitecture architecture;
  private final AutoencoderSettings settings;

  KnownModel(
      String id,
      String title,
      AutoencoderArchitecture architecture,
      int sampleSize,
      @org.jspecify.annotations.Nullable Double scalingFactor,
      double shiftFactor) {
    this.id = id;
    this.title = title;
    this.architecture = architecture;
    settings =
        new AutoencoderSettings(
            OptionalInt.of(AutoencoderSettings.DEFAULT_GROUPS),
            OptionalInt.of(sampleSize),
            Optional.ofNullable(scalingFactor).map(f -> LatentScaling.of(f, shiftFactor)),
            Optional.of(architecture.kind() == AutoencoderKind.KL));
  }

  private static AutoencoderArchitecture kl(
      List<Integer> mult, boolean attention, int z, boolean quantConv) {
    return architecture(AutoencoderKind.KL, mult, attention, z, 0, quantConv);
  }

  private static AutoencoderArchitecture vq(int codes) {
    return architecture(AutoencoderKind.VQ, List.of(1, 1, 2, 2, 4), true, 256, codes, true);
  }

  private static AutoencoderArchitecture architecture(
      AutoencoderKind kind,
      List<Integer> mult,
      boolean attention,
      int z,
      int codes,
      boolean quantConv) {
    return new AutoencoderArchitecture(
        kind,
        3,
        3,
        128,
        mult.stream().map(m -> m * 128).toList(),
        2,
        attention ? List.of(mult.size() - 1) : List.of(),
        z,
        z,
        codes,
        quantConv,
        quantConv,
        true);
  }

  /**
   * The name for command lines.
   *
   * @return such as {@code sd-vae}
   */
  public String id() {
    return id;
  }

  /**
   * The name for people.
   *
   * @return such as {@code SD-VAE f8 d4}
   */
  public String title() {
    return title;
  }

  /**
   * Its architecture.
   *
   * @return the architecture
   */
  public AutoencoderArchitecture architecture() {
    return architecture;
  }

  /**
   * Its settings.
   *
   * @return without a scaling if none was published
   */
  public AutoencoderSettings settings() {
    return settings;
  }

  /**
   * The model of that id.
   *
   * @param id such as {@code sd-vae}
   * @return the model, if there is one
   */
  public static Optional<KnownModel> of(String id) {
    return Arrays.stream(values()).filter(model -> model.id.equals(id)).findFirst();
  }

  /**
   * The models that a checkpoint may be.
   *
   * @param architecture its architecture
   * @param settings its settings; a scaling tells apart what an architecture does not
   * @return none, one, or several that cannot be told apart
   */
  public static List<KnownModel> matching(
      AutoencoderArchitecture architecture, AutoencoderSettings settings) {
    List<KnownModel> same = new ArrayList<>();
    for (KnownModel model : values()) {
      if (model.architecture.equals(architecture)
          && settings.normNumGroups().orElse(AutoencoderSettings.DEFAULT_GROUPS)
              == AutoencoderSettings.DEFAULT_GROUPS) {
        same.add(model);
      }
    }
    List<KnownModel> scaled =
        same.stream()
            .filter(m -> m.settings.scaling().isPresent())
            .filter(m -> m.settings.scaling().equals(settings.scaling()))
            .toList();
    return scaled.isEmpty() ? List.copyOf(same) : scaled;
  }
}
