package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.scalar;

import io.github.eqvae.model.VqConfig;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** What happens between encoder and decoder, in libtorch: where the two kinds of models differ. */
public sealed interface TorchLatent {
  /**
   * What the decoder gets.
   *
   * @param value the decoder's input
   * @param loss of the latent it was made of; null where the loss is of what was encoded
   */
  record Bottleneck(Tensor value, Tensor loss) {}

  /** The latent without randomness, of what was encoded. */
  Tensor mode(Tensor encoded);

  /** The latent as training takes it. */
  Tensor sample(Tensor encoded, Tensor noise);

  /** A latent, transformed or not, to what the decoder gets. */
  Bottleneck bottleneck(Tensor z);

  /** The loss that regularises the latent, averaged over the samples. */
  Tensor regularization(Tensor encoded, Bottleneck bottleneck);

  /** What the loss is called. */
  String name();

  /** A Gaussian posterior. */
  record Kl() implements TorchLatent {
    @Override
    public Tensor mode(Tensor encoded) {
      return TorchAutoencoder.mean(encoded);
    }

    @Override
    public Tensor sample(Tensor encoded, Tensor noise) {
      return TorchAutoencoder.sample(encoded, noise);
    }

    @Override
    public Bottleneck bottleneck(Tensor z) {
      return new Bottleneck(z, null);
    }

    @Override
    public Tensor regularization(Tensor encoded, Bottleneck bottleneck) {
      return TorchAutoencoder.kl(encoded);
    }

    @Override
    public String name() {
      return "kl";
    }
  }

  /**
   * A codebook. Source: CompVis/taming-transformers {@code taming/modules/vqvae/quantize.py}.
   *
   * @param parameters with {@code quantize.embedding.weight}
   * @param beta weight of one term of the codebook loss
   * @param placement on which term
   */
  record Vq(TorchParameters parameters, double beta, VqConfig.BetaPlacement placement)
      implements TorchLatent {
    @Override
    public Tensor mode(Tensor encoded) {
      return encoded;
    }

    @Override
    public Tensor sample(Tensor encoded, Tensor noise) {
      return encoded;
    }

    private static Tensor squares(Tensor x, boolean keep) {
      return x.square().sum(new long[] {1}, keep, new ScalarTypeOptional());
    }

    private static Tensor meanSquare(Tensor a, Tensor b) {
      return a.sub(b).square().mean();
    }

    /** The nearest codes of {@code [N, c, h, w]}: {@code [N·h·w]}. */
    Tensor indices(Tensor z) {
      Tensor codebook = parameters.get("quantize.embedding.weight");
      Tensor flat = z.permute(0, 2, 3, 1).reshape(-1, z.size(1));
      return squares(flat, true)
          .add(squares(codebook, false))
          .sub(torch.matmul(flat, codebook.t()).mul(scalar(2)))
          .argmin(new LongOptional(1), false);
    }

    @Override
    public Bottleneck bottleneck(Tensor z) {
      Tensor codebook = parameters.get("quantize.embedding.weight");
      Tensor codes =
          codebook
              .index_select(0, indices(z))
              .reshape(z.size(0), z.size(2), z.size(3), z.size(1))
              .permute(0, 3, 1, 2);
      Tensor towardsCodes = meanSquare(codes.detach(), z);
      Tensor ofCodes = meanSquare(codes, z.detach());
      Tensor loss =
          placement == VqConfig.BetaPlacement.LEGACY
              ? towardsCodes.add(ofCodes.mul(scalar(beta)))
              : towardsCodes.mul(scalar(beta)).add(ofCodes);
      return new Bottleneck(z.add(codes.sub(z).detach()), loss);
    }

    @Override
    public Tensor regularization(Tensor encoded, Bottleneck bottleneck) {
      return bottleneck.loss();
    }

    @Override
    public String name() {
      return "quant_loss";
    }
  }
}
