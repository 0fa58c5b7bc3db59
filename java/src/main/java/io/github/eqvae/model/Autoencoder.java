package io.github.eqvae.model;

import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An autoencoder whose latent can be transformed. The steps: encode an image, take the latent from
 * the encoder's result, turn it into the decoder's input (the bottleneck), decode. A loss
 * regularises the latent.
 *
 * <p>The two kinds differ in three places. {@link AutoencoderKl}: the latent is sampled, the
 * decoder gets the latent itself, and the KL divergence regularises. {@link VqModel}: the latent is
 * the encoder's result, the decoder gets the nearest codes, and the codebook loss regularises.
 */
public sealed interface Autoencoder extends AutoCloseable permits AutoencoderKl, VqModel {
  /** Provides the noise for sampling latents. */
  @FunctionalInterface
  interface Noise {
    /**
     * Standard normal noise.
     *
     * @param latent the shape of the latent
     * @return the noise, of that shape
     */
    Tensor draw(Shape latent);
  }

  /**
   * Latents and the codes that replaced them.
   *
   * @param z the latent, {@code [N, h, w, embed_dim]}
   * @param codes the code nearest to each vector of z, same shape
   * @param index the indices of these codes, {@code [N, h, w]} of {@code I32}
   */
  record Quantization(Tensor z, Tensor codes, Tensor index) {}

  /**
   * The decoder's input.
   *
   * @param value {@code [N, h, w, embed_dim]}
   * @param quantization how it was quantised; null when it is the latent itself
   */
  record Bottleneck(Tensor value, @Nullable Quantization quantization) {}

  /**
   * The shape of the model.
   *
   * @return its configuration
   */
  AutoencoderConfig config();

  /**
   * The parameters.
   *
   * @return the store, owned by this model
   */
  ParameterStore parameters();

  /**
   * The decoder's last weight {@code decoder.conv_out.weight}, where the adaptive discriminator
   * weight compares gradients.
   *
   * @return the parameter {@code [out, ch, 3, 3]}
   */
  Parameter lastLayer();

  /**
   * Chooses the dtype of the activations. Parameters, latents, inputs and results keep the device's
   * dtype.
   *
   * @param dtype the device's dtype (the default), or BF16 if the device supports it
   */
  void computeIn(DType dtype);

  /**
   * Encodes images.
   *
   * @param tape the tape
   * @param x images in [-1, 1], {@code [N, H, W, in_channels]}, H and W multiples of the
   *     downsampling factor
   * @return {@code [N, H/f, W/f, c]}
   */
  Tensor encode(Tape tape, Tensor x);

  /**
   * The latent without randomness.
   *
   * @param tape the tape
   * @param encoded what {@link #encode} gave
   * @return {@code [N, h, w, embed_dim]}
   */
  Tensor mode(Tape tape, Tensor encoded);

  /**
   * The latent that training uses.
   *
   * @param tape the tape
   * @param encoded what {@link #encode} gave
   * @param noise used only if latents are sampled
   * @return {@code [N, h, w, embed_dim]}
   */
  Tensor latent(Tape tape, Tensor encoded, Noise noise);

  /**
   * Turns a latent into the decoder's input.
   *
   * @param tape the tape
   * @param z a latent, transformed or not, {@code [N, h, w, embed_dim]}
   * @return the decoder's input
   */
  Bottleneck bottleneck(Tape tape, Tensor z);

  /**
   * The loss that regularises latents.
   *
   * @param tape the tape
   * @param encoded what {@link #encode} gave
   * @param bottleneck the bottleneck that was made from this latent
   * @return a scalar, averaged over the batch
   */
  Tensor regularization(Tape tape, Tensor encoded, Bottleneck bottleneck);

  /**
   * The name of {@link #regularization} in reports.
   *
   * @return {@code kl} or {@code quant_loss}
   */
  String regularizationName();

  /**
   * Counts the codes that are used.
   *
   * @return an empty count; nothing if the model has no codebook
   */
  default Optional<CodebookUsage> codebookUsage() {
    return Optional.empty();
  }

  /**
   * Decodes.
   *
   * @param tape the tape
   * @param value the value of a {@link Bottleneck}, {@code [N, h, w, embed_dim]}
   * @return images {@code [N, h·f, w·f, out_channels]}, not clamped
   */
  Tensor decode(Tape tape, Tensor value);

  /**
   * The encoder in parts, for images too large to be encoded at once.
   *
   * @return what {@link #encode} runs
   */
  EncoderStages encoderStages();

  /**
   * The decoder in parts, for images too large to be decoded at once.
   *
   * @return what {@link #decode} runs
   */
  DecoderStages decoderStages();

  @Override
  void close();
}
