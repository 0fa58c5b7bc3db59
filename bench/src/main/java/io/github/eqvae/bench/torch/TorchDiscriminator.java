package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.conv;
import static io.github.eqvae.bench.torch.Layers.scalar;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * PatchGAN in libtorch, NCHW. Source: CompVis/taming-transformers {@code
 * taming/modules/discriminator/model.py}.
 */
public final class TorchDiscriminator {
  private final TorchParameters p;
  private final int numLayers;

  /**
   * A network over given parameters.
   *
   * @param numLayers layers with batch norm
   * @param parameters by the published names
   */
  public TorchDiscriminator(int numLayers, TorchParameters parameters) {
    this.p = parameters;
    this.numLayers = numLayers;
  }

  /** Logits of patches, batch norm in training mode. */
  Tensor forward(Tensor x) {
    Tensor h = torch.leaky_relu(conv(p, "main.0", x, 2, 1), scalar(0.2));
    int index = 2;
    for (int n = 1; n <= numLayers; n++) {
      h = conv(p, "main." + index, h, n < numLayers ? 2 : 1, 1);
      String norm = "main." + (index + 1);
      h =
          torch.batch_norm(
              h,
              new TensorOptional(p.get(norm + ".weight")),
              new TensorOptional(p.get(norm + ".bias")),
              new TensorOptional(p.get(norm + ".running_mean")),
              new TensorOptional(p.get(norm + ".running_var")),
              true,
              0.1,
              1e-5,
              false);
      h = torch.leaky_relu(h, scalar(0.2));
      index += 3;
    }
    return conv(p, "main." + index, h, 1, 1);
  }

  TorchParameters parameters() {
    return p;
  }
}
