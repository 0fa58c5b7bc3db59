package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.scalar;

import io.github.eqvae.generator.DitConfig;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The diffusion transformer in libtorch, with its fused attention: the block of DiT and SiT, layer
 * norm and tanh-GELU. Source: arXiv 2212.09748, figure 3; names of facebookresearch/DiT.
 */
public final class TorchDit {
  private static final long FREQUENCIES = 128;
  private static final double LONGEST_PERIOD = 10_000;

  private final DitConfig config;
  private final TorchParameters p;

  /**
   * A network over given parameters.
   *
   * @param config its shape; without LightningDiT's options
   * @param parameters by DiT's names
   */
  public TorchDit(DitConfig config, TorchParameters parameters) {
    if (config.rope() || config.rmsNorm() || config.swiGlu() || config.qkNorm()) {
      throw new IllegalArgumentException("only the block of DiT and SiT is written here");
    }
    this.config = config;
    this.p = parameters;
  }

  private Tensor linear(String name, Tensor x) {
    return torch.linear(x, p.get(name + ".weight"), p.optional(name + ".bias"));
  }

  /** LN(x)·(1 + scale) + shift. */
  private Tensor modulated(Tensor x, Tensor shift, Tensor scale) {
    Tensor h =
        torch.layer_norm(
            x,
            new long[] {config.width()},
            new TensorOptional(),
            new TensorOptional(),
            1e-6,
            false);
    return torch.addcmul(shift.unsqueeze(1), h, scale.add(scalar(1)).unsqueeze(1));
  }

  private Tensor times(Tensor t) {
    Tensor rates =
        torch
            .arange(scalar(FREQUENCIES))
            .mul(scalar(-Math.log(LONGEST_PERIOD) / FREQUENCIES))
            .exp()
            .to(t.scalar_type());
    Tensor angles = t.unsqueeze(1).mul(rates.unsqueeze(0));
    Tensor waves = torch.cat(new TensorVector(angles.cos(), angles.sin()), -1);
    return linear("t_embedder.mlp.2", torch.silu(linear("t_embedder.mlp.0", waves)));
  }

  private Tensor attention(String name, Tensor x) {
    long n = x.size(0);
    long tokens = x.size(1);
    long head = config.width() / config.heads();
    Tensor qkv =
        linear(name + ".qkv", x)
            .reshape(n, tokens, 3, config.heads(), head)
            .permute(2, 0, 3, 1, 4); // [3, n, heads, tokens, head]
    Tensor h =
        torch.scaled_dot_product_attention(qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2));
    return linear(name + ".proj", h.transpose(1, 2).reshape(n, tokens, config.width()));
  }

  private Tensor block(String name, Tensor x, Tensor active) {
    Tensor six = linear(name + ".adaLN_modulation.1", active); // [n, 6·width]
    Tensor[] m = new Tensor[6];
    for (int i = 0; i < m.length; i++) {
      m[i] = six.narrow(1, (long) i * config.width(), config.width());
    }
    Tensor h = attention(name + ".attn", modulated(x, m[0], m[1]));
    Tensor y = torch.addcmul(x, m[2].unsqueeze(1), h);
    h = linear(name + ".mlp.fc1", modulated(y, m[3], m[4]));
    h = linear(name + ".mlp.fc2", torch.gelu(h, new org.bytedeco.javacpp.BytePointer("tanh")));
    return torch.addcmul(y, m[5].unsqueeze(1), h);
  }

  /**
   * Runs the network.
   *
   * @param x noisy latents {@code [n, channels, side, side]}
   * @param t times {@code [n]}
   * @param y labels {@code [n]} of int64
   * @return {@code [n, outChannels, side, side]}
   */
  public Tensor forward(Tensor x, Tensor t, Tensor y) {
    long n = x.size(0);
    int patch = config.patch();
    long rows = config.side() / patch;
    Tensor h = Layers.conv(p, "x_embedder.proj", x, patch, 0); // [n, width, rows, rows]
    h = h.flatten(2, 3).transpose(1, 2).add(p.get("pos_embed"));
    Tensor c = times(t).add(torch.embedding(p.get("y_embedder.embedding_table.weight"), y));
    Tensor active = torch.silu(c);
    for (int i = 0; i < config.depth(); i++) {
      h = block("blocks." + i, h, active);
    }
    Tensor two = linear("final_layer.adaLN_modulation.1", active);
    long width = config.width();
    h = modulated(h, two.narrow(1, 0, width), two.narrow(1, width, width));
    h = linear("final_layer.linear", h); // [n, rows², patch²·out]
    return h.reshape(n, rows, rows, patch, patch, config.outChannels())
        .permute(0, 5, 1, 3, 2, 4)
        .reshape(n, config.outChannels(), config.side(), config.side());
  }
}
