package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.VectorQuantize;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/**
 * The discrete autoencoder of VQ-GAN: every vector of the latent is replaced by the nearest one of
 * a learned codebook, {@code quantize.embedding.weight}. Parameter names are CompVis'. Source:
 * CompVis/taming-transformers {@code taming/models/vqgan.py}.
 */
public final class VqModel implements Autoencoder {
  private final VqConfig config;
  private final Encoder encoder;
  private final Decoder decoder;
  private final Parameter codebook;
  private final Conv2d quantConv;
  private final Conv2d postQuantConv;
  private final ParameterStore parameters;
  private DType activations;

  /**
   * Builds a model with random weights; codes start uniformly in ±1/{@code n_embed}.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public VqModel(VqConfig config, Stream stream, long seed, boolean training) {
    this.config = config;
    AutoencoderConfig a = config.autoencoder();
    int z = a.zChannels();
    int e = a.embedDim();
    ParameterStore.Builder builder = new ParameterStore.Builder();
    encoder = new Encoder(builder.root().in("encoder"), a, z);
    decoder = new Decoder(builder.root().in("decoder"), a);
    Init start = new Init.Uniform(1.0 / config.codes());
    codebook =
        builder.root().in("quantize.embedding").parameter("weight", start, config.codes(), e);
    quantConv = new Conv2d(builder.root().in("quant_conv"), z, e, 1, Ops.POINTWISE);
    postQuantConv = new Conv2d(builder.root().in("post_quant_conv"), e, z, 1, Ops.POINTWISE);
    parameters = builder.build(stream, seed, training);
    activations = stream.device().dtype();
  }

  @Override
  public AutoencoderConfig config() {
    return config.autoencoder();
  }

  /**
   * The codebook.
   *
   * @return the parameter {@code [n_embed, embed_dim]}
   */
  public Parameter codebook() {
    return codebook;
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
   * Images to latents, before they are quantised.
   *
   * @param tape the tape
   * @param x images in [-1, 1], {@code [N, H, W, in_channels]}
   * @return {@code [N, H/f, W/f, embed_dim]}
   */
  @Override
  public Tensor encode(Tape tape, Tensor x) {
    Tensor h = encoder.forward(tape, Ops.cast(tape, x, activations));
    return Ops.cast(tape, quantConv.forward(tape, h), x.dtype());
  }

  @Override
  public Tensor mode(Tape tape, Tensor encoded) {
    return encoded;
  }

  @Override
  public Tensor latent(Tape tape, Tensor encoded, Noise noise) {
    return encoded;
  }

  /**
   * Replaces each vector by the nearest code. The value is the straight-through estimate z + sg(zq
   * − z): the codes (apart from rounding), whose gradient is passed to z.
   *
   * @param tape the tape
   * @param z a latent {@code [N, h, w, embed_dim]}
   * @return the decoder's input and the codes; only {@link #regularization} trains the codebook
   */
  @Override
  public Bottleneck bottleneck(Tape tape, Tensor z) {
    List<Tensor> nearest = tape.run(new VectorQuantize(), z, codebook.on(tape));
    Tensor codes = nearest.get(0);
    Tensor step = tape.detach(tape.apply(WeightedSum.of(1, -1), codes, z));
    return new Bottleneck(
        tape.apply(new Add(), z, step), new Quantization(z, codes, nearest.get(1)));
  }

  /**
   * The codebook loss mean((sg(zq) − z)²) + mean((zq − sg(z))²), one of them times β; means over
   * all elements.
   *
   * @param tape the tape
   * @param encoded not read
   * @param bottleneck what {@link #bottleneck} gave
   * @return a scalar
   */
  @Override
  public Tensor regularization(Tape tape, Tensor encoded, Bottleneck bottleneck) {
    Quantization q = bottleneck.quantization();
    if (q == null) {
      throw new EqvaeException.Argument(
          "VqModel: the bottleneck is another model's, without codes");
    }
    PixelLoss mean = new PixelLoss(PixelLoss.Kind.L2, 1.0 / q.z().shape().elements());
    Tensor commitment = tape.apply(mean, q.z(), tape.detach(q.codes()));
    Tensor toCodes = tape.apply(mean, q.codes(), tape.detach(q.z()));
    return tape.apply(
        WeightedSum.of(config.commitmentWeight(), config.codebookWeight()), commitment, toCodes);
  }

  @Override
  public String regularizationName() {
    return "quant_loss";
  }

  @Override
  public Optional<CodebookUsage> codebookUsage() {
    return Optional.of(new CodebookUsage(config.codes()));
  }

  @Override
  public Tensor decode(Tape tape, Tensor value) {
    Tensor h = postQuantConv.forward(tape, Ops.cast(tape, value, activations));
    return Ops.cast(tape, decoder.forward(tape, h), value.dtype());
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
