package io.github.eqvae.model.checkpoint;

import java.util.List;

/** The naming of an autoencoder's tensors. */
public enum KeyNaming {
  /** CompVis latent-diffusion, taming-transformers, and everyone who uses their code. */
  COMPVIS("CompVis", List.of("norm", "q", "k", "v", "proj_out")),
  /** diffusers from 0.15 on. */
  DIFFUSERS("diffusers", List.of("group_norm", "to_q", "to_k", "to_v", "to_out.0")),
  /** diffusers before 0.15; still used in most published files. */
  DIFFUSERS_LEGACY(
      "diffusers (before 0.15)", List.of("group_norm", "query", "key", "value", "proj_attn"));

  private final String label;
  private final List<String> attention;

  KeyNaming(String label, List<String> attention) {
    this.label = label;
    this.attention = attention;
  }

  /** The modules of an attention block, in one order for all namings. */
  List<String> attention() {
    return attention;
  }

  /** The modules of a residual block whose names differ. */
  List<String> resnet() {
    return List.of(this == COMPVIS ? "nin_shortcut" : "conv_shortcut");
  }

  @Override
  public String toString() {
    return label;
  }
}
