package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.conv;
import static io.github.eqvae.bench.torch.Layers.groupNorm;
import static io.github.eqvae.bench.torch.Layers.normSilu;
import static io.github.eqvae.bench.torch.Layers.scalar;

import io.github.eqvae.model.AutoencoderConfig;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The autoencoder of latent diffusion in libtorch, NCHW. Source: CompVis/latent-diffusion {@code
 * ldm/modules/diffusionmodules/model.py}.
 */
public final class TorchAutoencoder {
  private final AutoencoderConfig config;
  private final TorchParameters p;

  /**
   * A network over given parameters.
   *
   * @param config its shape
   * @param parameters by CompVis' names
   */
  public TorchAutoencoder(AutoencoderConfig config, TorchParameters parameters) {
    this.config = config;
    this.p = parameters;
  }

  /** A 3×3 convolution of padding 1 in the model's {@code padding_mode}. */
  private Tensor same(String name, Tensor x) {
    long[] sides = {1, 1, 1, 1};
    return switch (config.padding()) {
      case ZEROS -> conv(p, name, x, 1, 1);
      case REFLECT -> conv(p, name, torch.reflection_pad2d(x, sides), 1, 0);
      case REPLICATE -> conv(p, name, torch.replication_pad2d(x, sides), 1, 0);
    };
  }

  private Tensor resnet(String name, Tensor x) {
    int g = config.normGroups();
    Tensor h = same(name + ".conv1", normSilu(p, name + ".norm1", x, g));
    h = same(name + ".conv2", normSilu(p, name + ".norm2", h, g));
    return p.has(name + ".nin_shortcut.weight")
        ? conv(p, name + ".nin_shortcut", x, 1, 0).add(h)
        : x.add(h);
  }

  private Tensor attention(String name, Tensor x) {
    Tensor h = groupNorm(p, name + ".norm", x, config.normGroups());
    long n = x.size(0);
    long c = x.size(1);
    long hw = x.size(2) * x.size(3);
    Tensor q = conv(p, name + ".q", h, 1, 0).reshape(n, c, hw).transpose(1, 2); // [n, hw, c]
    Tensor k = conv(p, name + ".k", h, 1, 0).reshape(n, c, hw); // [n, c, hw]
    Tensor v = conv(p, name + ".v", h, 1, 0).reshape(n, c, hw);
    Tensor w = torch.softmax(torch.bmm(q, k).mul(scalar(Math.pow(c, -0.5))), 2); // [n, hw, hw]
    Tensor o = torch.bmm(v, w.transpose(1, 2)).reshape(n, c, x.size(2), x.size(3));
    return x.add(conv(p, name + ".proj_out", o, 1, 0));
  }

  private Tensor mid(String name, Tensor x) {
    Tensor h = resnet(name + ".block_1", x);
    if (p.has(name + ".attn_1.q.weight")) {
      h = attention(name + ".attn_1", h);
    }
    return resnet(name + ".block_2", h);
  }

  private Tensor level(String name, int blocks, Tensor x) {
    Tensor h = x;
    for (int j = 0; j < blocks; j++) {
      h = resnet(name + ".block." + j, h);
      if (p.has(name + ".attn." + j + ".q.weight")) {
        h = attention(name + ".attn." + j, h);
      }
    }
    return h;
  }

  /**
   * Image to moments.
   *
   * @param x {@code [N, C, H, W]}
   * @return {@code [N, 2·embed_dim, h, w]}
   */
  public Tensor encode(Tensor x) {
    Tensor h = same("encoder.conv_in", x);
    int levels = config.chMult().size();
    for (int i = 0; i < levels; i++) {
      h = level("encoder.down." + i, config.numResBlocks(), h);
      if (i < levels - 1) {
        h = torch.constant_pad_nd(h, new long[] {0, 1, 0, 1}, scalar(0));
        h = conv(p, "encoder.down." + i + ".downsample.conv", h, 2, 0);
      }
    }
    h = mid("encoder.mid", h);
    h = same("encoder.conv_out", normSilu(p, "encoder.norm_out", h, config.normGroups()));
    return p.has("quant_conv.weight") ? conv(p, "quant_conv", h, 1, 0) : h;
  }

  /**
   * Latent to image.
   *
   * @param z {@code [N, embed_dim, h, w]}
   * @return {@code [N, C, H, W]}
   */
  public Tensor decode(Tensor z) {
    Tensor h = p.has("post_quant_conv.weight") ? conv(p, "post_quant_conv", z, 1, 0) : z;
    h = mid("decoder.mid", same("decoder.conv_in", h));
    for (int i = config.chMult().size() - 1; i >= 0; i--) {
      h = level("decoder.up." + i, config.numResBlocks() + 1, h);
      if (i > 0) {
        h = torch.upsample_nearest2d(h, 2 * h.size(2), 2 * h.size(3));
        h = same("decoder.up." + i + ".upsample.conv", h);
      }
    }
    return same("decoder.conv_out", normSilu(p, "decoder.norm_out", h, config.normGroups()));
  }

  static Tensor mean(Tensor moments) {
    return moments.narrow(1, 0, moments.size(1) / 2);
  }

  static Tensor logVariance(Tensor moments) {
    return moments
        .narrow(1, moments.size(1) / 2, moments.size(1) / 2)
        .clamp(new ScalarOptional(scalar(-30)), new ScalarOptional(scalar(20)));
  }

  static Tensor sample(Tensor moments, Tensor noise) {
    return mean(moments).add(logVariance(moments).mul(scalar(0.5)).exp().mul(noise));
  }

  /** ½·Σ(μ² + σ² − 1 − log σ²) per sample, averaged over the samples. */
  static Tensor kl(Tensor moments) {
    Tensor log = logVariance(moments);
    return mean(moments)
        .square()
        .add(log.exp())
        .sub(scalar(1))
        .sub(log)
        .sum()
        .mul(scalar(0.5 / moments.size(0)));
  }

  long downsamplingFactor() {
    return 1L << (config.chMult().size() - 1);
  }

  TorchParameters parameters() {
    return p;
  }
}
