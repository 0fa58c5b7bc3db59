package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.GaussianSample;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The variational autoencoder of latent diffusion: encoder, a diagonal Gaussian posterior over the
 * latent, decoder. Parameter names are CompVis' (see {@code docs/design.md} for diffusers').
 * Source: CompVis/latent-diffusion {@code ldm/models/autoencoder.py}.
 */
public final class AutoencoderKl implements AutoCloseable {
  private final AutoencoderConfig config;
  private final Encoder encoder;
  private final Decoder decoder;
  private final @Nullable Conv2d quantConv;
  private final @Nullable Conv2d postQuantConv;
  private final ParameterStore parameters;
  private DType activations;

  /**
   * Builds a model with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public AutoencoderKl(AutoencoderConfig config, Stream stream, long seed, boolean training) {
    this.config = config;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    encoder = new Encoder(builder.root().in("encoder"), config, 2 * config.zChannels());
    decoder = new Decoder(builder.root().in("decoder"), config);
    if (config.useQuantConv()) {
      int z = config.zChannels();
      int e = config.embedDim();
      quantConv = new Conv2d(builder.root().in("quant_conv"), 2 * z, 2 * e, 1, Ops.POINTWISE);
      postQuantConv = new Conv2d(builder.root().in("post_quant_conv"), e, z, 1, Ops.POINTWISE);
    } else {
      quantConv = null;
      postQuantConv = null;
    }
    parameters = builder.build(stream, seed, training);
    activations = stream.device().dtype();
  }

  /**
   * The shape of the model.
   *
   * @return its configuration
   */
  public AutoencoderConfig config() {
    return config;
  }

  /**
   * The parameters.
   *
   * @return the store, owned by this model
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * The decoder's last weight {@code decoder.conv_out.weight}, where the adaptive discriminator
   * weight compares gradients.
   *
   * @return the parameter {@code [out, ch, 3, 3]}
   */
  public Parameter lastLayer() {
    return decoder.lastLayer();
  }

  /**
   * Chooses the dtype of the activations. Parameters, what goes in and what comes out keep the
   * device's dtype.
   *
   * @param dtype the device's dtype (the default), or BF16 where the device computes in it
   */
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  /**
   * Images to the moments of the posterior.
   *
   * @param tape the tape
   * @param x images in [-1, 1], {@code [N, H, W, in_channels]}, H and W multiples of the
   *     downsampling factor
   * @return {@code [N, H/f, W/f, 2·embed_dim]}: mean, then log variance
   */
  public Tensor encode(Tape tape, Tensor x) {
    Tensor h = encoder.forward(tape, Ops.cast(tape, x, activations));
    return Ops.cast(tape, quantConv == null ? h : quantConv.forward(tape, h), x.dtype());
  }

  /**
   * The posterior's mean.
   *
   * @param tape the tape
   * @param moments what {@link #encode} gave
   * @return {@code [N, h, w, embed_dim]}, a view
   */
  public Tensor mode(Tape tape, Tensor moments) {
    return tape.apply(new Narrow(3, 0, config.embedDim()), moments);
  }

  /**
   * A sample of the posterior: mean + exp(logvar/2)·noise.
   *
   * @param tape the tape
   * @param moments what {@link #encode} gave
   * @param noise standard normal, {@code [N, h, w, embed_dim]}
   * @return {@code [N, h, w, embed_dim]}
   */
  public Tensor sample(Tape tape, Tensor moments, Tensor noise) {
    return tape.apply(new GaussianSample(), moments, noise);
  }

  /**
   * Latents to images.
   *
   * @param tape the tape
   * @param z {@code [N, h, w, embed_dim]}
   * @return {@code [N, h·f, w·f, out_channels]}, not clamped
   */
  public Tensor decode(Tape tape, Tensor z) {
    Tensor h = Ops.cast(tape, z, activations);
    h = decoder.forward(tape, postQuantConv == null ? h : postQuantConv.forward(tape, h));
    return Ops.cast(tape, h, z.dtype());
  }

  @Override
  public void close() {
    parameters.close();
  }
}
