package io.github.eqvae.model.checkpoint;

/** Families of autoencoders that share encoder and decoder. */
public enum AutoencoderKind {
  /** A diagonal Gaussian posterior: CompVis' and diffusers' {@code AutoencoderKL}. */
  KL("AutoencoderKL"),
  /** A codebook: taming's and CompVis' {@code VQModel}, diffusers' {@code VQModel}. */
  VQ("VQModel");

  private final String className;

  AutoencoderKind(String className) {
    this.className = className;
  }

  /**
   * Its name in diffusers.
   *
   * @return {@code _class_name}
   */
  public String className() {
    return className;
  }
}
