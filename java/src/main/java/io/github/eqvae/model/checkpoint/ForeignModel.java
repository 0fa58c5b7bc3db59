package io.github.eqvae.model.checkpoint;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Recognises models that are most often mistaken for an autoencoder. */
final class ForeignModel {
  /**
   * A model and the names of its tensors.
   *
   * @param description what it is
   * @param marks each must occur in a name
   */
  private record Model(String description, List<Pattern> marks) {
    static Model of(String description, String... marks) {
      return new Model(description, java.util.Arrays.stream(marks).map(Pattern::compile).toList());
    }

    boolean matches(Collection<String> names) {
      return marks.stream()
          .allMatch(mark -> names.stream().anyMatch(name -> mark.matcher(name).find()));
    }
  }

  /** The more special ones come first. */
  private static final List<Model> MODELS =
      List.of(
          Model.of("LoRA weights", "lora_(A|B|up|down|unet|te)"),
          Model.of(
              "a SiT trained with REPA, a latent generator, which `inspect`, `convert --to dit` and"
                  + " `sample` take",
              "^(module\\.)?x_embedder\\.proj\\.",
              "projectors\\.0\\.0\\."),
          Model.of(
              "a DiT or SiT, a latent generator, which `inspect`, `convert --to dit` and `sample`"
                  + " take",
              "^(module\\.)?x_embedder\\.proj\\.",
              "blocks\\.0\\.adaLN_modulation\\.1\\."),
          Model.of(
              "a MaskGIT, a generator of codes, which `inspect`, `convert --to maskgit` and"
                  + " `sample` take",
              "(^|\\.)tok_emb\\.weight$",
              "(^|\\.)(first_layer\\.0|last_norm\\.mlp\\.1)\\.weight$"),
          Model.of(
              "a transformer of diffusers, a latent generator",
              "transformer_blocks\\.0\\.attn1?\\.",
              "(pos_embed\\.proj|x_embedder|patch_embed|proj_out)\\."),
          Model.of("a MM-DiT as of SD3", "joint_blocks\\.0\\."),
          Model.of("a FLUX transformer", "double_blocks\\.0\\."),
          Model.of(
              "a UNet of diffusers, a latent generator",
              "^time_embedding\\.linear_1\\.",
              "^mid_block\\."),
          Model.of("a UNet of CompVis, a latent generator", "input_blocks\\.0\\.0\\."),
          Model.of(
              "a tiny autoencoder (TAESD, AutoencoderTiny)",
              "(encoder|decoder)\\.layers\\.1\\.conv"),
          Model.of(
              "an autoencoder of videos",
              "coder\\.conv_in\\.conv\\.weight$|coder\\.(down|up)samples\\.0\\."),
          Model.of("a GumbelVQ of taming-transformers", "quantize\\.embed\\.weight$"),
          Model.of("a CLIP text encoder", "text_model\\.encoder\\.layers\\.0\\."),
          Model.of("LPIPS", "^lin0\\.model\\.1\\.weight$"),
          Model.of("a PatchGAN discriminator", "^(module\\.)?main\\.0\\.weight$"),
          Model.of("VGG16", "^features\\.0\\.weight$", "^features\\.28\\.weight$"),
          Model.of("an Inception network", "Mixed_7c\\."));

  private ForeignModel() {}

  /** The model that has such names. */
  static Optional<String> recognise(Collection<String> names) {
    return MODELS.stream().filter(m -> m.matches(names)).map(Model::description).findFirst();
  }
}
