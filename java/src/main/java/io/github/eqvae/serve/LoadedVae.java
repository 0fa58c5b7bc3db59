package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.LatentScaling;
import java.util.Optional;

/** The properties of a {@link Vae}, and checks of its inputs. */
abstract sealed class LoadedVae permits Vae {
  final Loaded loaded;
  final Autoencoder model;
  private final Optional<LatentScaling> scaling;

  LoadedVae(Loaded loaded, Optional<LatentScaling> scaling) {
    this.loaded = loaded;
    this.model = loaded.model();
    this.scaling = scaling;
  }

  /**
   * Image pixels per latent pixel along one side.
   *
   * @return 8 for SD-VAE
   */
  public int downsamplingFactor() {
    return model.config().downsamplingFactor();
  }

  /**
   * Channels of the images.
   *
   * @return 3 for RGB, 1 for gray
   */
  public int imageChannels() {
    return model.config().inChannels();
  }

  /**
   * Channels of the latents.
   *
   * @return 4 for SD-VAE
   */
  public int latentChannels() {
    return model.config().embedDim();
  }

  /**
   * Channels of a generator's input.
   *
   * @return {@link #latentChannels()}, or 4 times as many if patches of 2×2 are packed into
   *     channels (FLUX.2)
   */
  public int scaledChannels() {
    int patch = scaling().map(LatentScaling::patch).orElse(1);
    return latentChannels() * patch * patch;
  }

  /**
   * Codes in the codebook.
   *
   * @return 0 if the model has none
   */
  public int codebookSize() {
    return model.codebookUsage().map(u -> u.codes()).orElse(0);
  }

  /**
   * The number of trained parameters.
   *
   * @return 83,653,863 for SD-VAE
   */
  public long parameterCount() {
    return model.parameters().count();
  }

  /**
   * The side of the training images.
   *
   * @return in pixels; other sizes work, too
   */
  public int resolution() {
    return loaded.resolution();
  }

  /**
   * How latents are scaled for a generator.
   *
   * @return the scaling; empty if neither the checkpoint nor the options have it
   */
  public Optional<LatentScaling> scaling() {
    return scaling.or(loaded::scaling);
  }

  /**
   * How the checkpoint says that latents are scaled, whatever the options say.
   *
   * @return the scaling; empty if the checkpoint does not have it
   */
  public Optional<LatentScaling> storedScaling() {
    return loaded.scaling();
  }

  /**
   * A note about the chosen weights, if the file has both those as last trained and their average
   * (EMA).
   *
   * @return the chosen set, the other one and how to choose it; empty if there is one set
   */
  public Optional<String> weightsNote() {
    return loaded.note();
  }

  final void require(ImageBatch images) {
    int f = downsamplingFactor();
    if (images.channels() != imageChannels()) {
      throw new EqvaeException.Argument(
          "images have %d channels, but this model needs %d: withChannels(%d) converts them"
              .formatted(images.channels(), imageChannels(), imageChannels()));
    }
    if (images.height() % f != 0 || images.width() % f != 0) {
      throw new EqvaeException.Argument(
          "images are %d×%d, but both sides must be multiples of %d: padToMultiple(%d) pads them, and"
                  .formatted(images.height(), images.width(), f, f)
              + " crop(height, width) removes the padding after decoding");
    }
  }

  final void require(Latents latents) {
    int expected = latents.scaled() ? scaledChannels() : latentChannels();
    if (latents.channels() != expected) {
      throw new EqvaeException.Argument(
          "latents have %d channels, but this model's have %d"
              .formatted(latents.channels(), expected));
    }
  }

  final void requireCodebook() {
    if (codebookSize() == 0) {
      throw new EqvaeException.Unsupported(
          "This autoencoder has no codebook: it makes and takes latents, no codes");
    }
  }

  /** A short description: {@code Vae[4 channels, 1/8 of the image's sides]}. */
  @Override
  public String toString() {
    return "Vae["
        + (codebookSize() > 0 ? codebookSize() + " codes, " : "")
        + latentChannels()
        + " channels, 1/"
        + downsamplingFactor()
        + " of the image's sides]";
  }
}
