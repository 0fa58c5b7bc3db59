package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;

/** Classes of diffusers that are autoencoders, but not supported here, and how they differ. */
final class ForeignClass {
  /**
   * Some classes.
   *
   * @param names their {@code _class_name}
   * @param reason what they have that our networks lack
   * @param needed what would be needed to compute them
   */
  private record Family(Pattern names, String reason, String needed) {}

  private static Family family(String names, String reason, String needed) {
    return new Family(Pattern.compile(names), reason, needed);
  }

  /** The first match is used. */
  private static final Family[] FAMILIES = {
    family(
        "AutoencoderDC",
        "a deep compression autoencoder: space-to-channel shortcuts and linear attention instead of"
            + " the blocks of an AutoencoderKL, and no posterior",
        "other networks"),
    family(
        "AutoencoderTiny",
        "a small network without norms that imitates another autoencoder's latents",
        "another network; the autoencoder it imitates can be used"),
    family(
        "AsymmetricAutoencoderKL",
        "an autoencoder whose decoder has other widths than its encoder and sees the mask of an"
            + " inpainting",
        "another decoder"),
    family(
        "ConsistencyDecoderVAE",
        "an autoencoder whose decoder is a diffusion model",
        "a sampler in the decoder"),
    family(
        "AutoencoderRAE",
        "an autoencoder whose encoder is a frozen foundation model and whose decoder is a vision"
            + " transformer",
        "both networks"),
    family(
        "AutoencoderOobleck|AutoencoderKLTTS.*|.*Audio.*",
        "an autoencoder of sound",
        "convolutions along one axis"),
    family(
        "AutoencoderKL(Allegro|CogVideoX|Cosmos|Hunyuan.*|KVAE.*|LTX.*|Magvit|Mochi|QwenImage|Wan"
            + "|TemporalDecoder)|AutoencoderVidTok|.*Video.*",
        "an autoencoder of videos",
        "convolutions over time")
  };

  private ForeignClass() {}

  /** Whether diffusers' class of this name is one that is read here. */
  static boolean isOurs(String name) {
    return name.equals(LatentNorm.CLASS_NAME)
        || Arrays.stream(AutoencoderKind.values()).anyMatch(k -> k.className().equals(name));
  }

  /**
   * Tensors of another class would look like a damaged file; their config.json says what they are.
   */
  static void refuse(Path path, Path config) throws IOException {
    String name = DiffusersConfig.className(config);
    if (!name.isEmpty() && !isOurs(name)) {
      throw new EqvaeException.Unsupported(
          path + " is, as its config.json says, of " + describe(name));
    }
  }

  /** The classes that can be read, for messages. */
  static String ours() {
    return "an AutoencoderKL, an " + LatentNorm.CLASS_NAME + " or a VQModel";
  }

  /** Describes a class and why it cannot be computed. */
  static String describe(String name) {
    for (Family family : FAMILIES) {
      if (family.names().matcher(name).matches()) {
        return "the class \""
            + name
            + "\", "
            + family.reason()
            + ". It would need "
            + family.needed()
            + "; expected "
            + ours();
      }
    }
    return "the class \"" + name + "\"; expected " + ours();
  }
}
