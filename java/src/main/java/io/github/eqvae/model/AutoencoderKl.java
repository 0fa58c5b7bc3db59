package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.GaussianKl;
import io.github.eqvae.op.GaussianSample;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The variational autoencoder of latent diffusion: encoder, a diagonal Gaussian posterior over the
 * latent, decoder. Parameter names are CompVis' (see {@code docs/checkpoints.md} for diffusers').
 * Source: CompVis/latent-diffusion {@code ldm/models/autoencoder.py}.
 */
public final class AutoencoderKl implements Autoencoder {
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

  @Override
  public AutoencoderConfig config() {
    return config;
  }

  @Override
  public ParameterStore parameters() {
    return parameters;
  }

  @Override
  public Parameter lastLayer() {
    return decoder.lastLayer();
  }

  @Override
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
  @Override
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
  @Override
  public Tensor mode(Tape tape, Tensor moments) {
    return tape.apply(new Narrow(3, 0, config.embedDim()), moments);
  }

  /**
   * A sample of the posterior: mean + exp(logvar/2)·noise.
   *
   * @param tape the tape
   * @param moments what {@link #encode} gave
   * @param noise standard normal
   * @return {@code [N, h, w, embed_dim]}
   */
  @Override
  public Tensor latent(Tape tape, Tensor moments, Noise noise) {
    Tensor eps = noise.draw(moments.shape().with(3, config.embedDim()));
    return tape.apply(new GaussianSample(), moments, eps);
  }

  /**
   * The latent itself.
   *
   * @param tape the tape
   * @param z a latent
   * @return z
   */
  @Override
  public Bottleneck bottleneck(Tape tape, Tensor z) {
    return new Bottleneck(z, null);
  }

  /**
   * The KL divergence of the posterior to the standard normal, summed over the latent, averaged
   * over the batch. Transforming the latent does not change it.
   *
   * @param tape the tape
   * @param moments what {@link #encode} gave
   * @param bottleneck not read
   * @return a scalar
   */
  @Override
  public Tensor regularization(Tape tape, Tensor moments, Bottleneck bottleneck) {
    return tape.apply(new GaussianKl(), moments);
  }

  @Override
  public String regularizationName() {
    return "kl";
  }

  /**
   * Latents to images.
   *
   * @param tape the tape
   * @param z {@code [N, h, w, embed_dim]}
   * @return {@code [N, h·f, w·f, out_channels]}, not clamped
   */
  @Override
  public Tensor decode(Tape tape, Tensor z) {
    Tensor h = Ops.cast(tape, z, activations);
    h = decoder.forward(tape, postQuantConv == null ? h : postQuantConv.forward(tape, h));
    return Ops.cast(tape, h, z.dtype());
  }

  @Override
  public EncoderStages encoderStages() {
    return new EncoderStages(encoder, quantConv, activations);
  }

  @Override
  public DecoderStages decoderStages() {
    return new DecoderStages(decoder, postQuantConv, activations);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
