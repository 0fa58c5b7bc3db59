package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.BatchNorm2d;
import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.LeakyRelu;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * PatchGAN: judges overlapping patches of an image as real or reconstructed. Source:
 * CompVis/taming-transformers {@code taming/modules/discriminator/model.py}, NLayerDiscriminator;
 * parameter names as there ({@code main.0.weight} …).
 */
public final class Discriminator implements AutoCloseable {
  private static final Init CONV = new Init.Normal(0, 0.02);
  private static final Init NORM = new Init.Normal(1, 0.02);
  private static final double SLOPE = 0.2;

  /**
   * A 4×4 convolution; between the first and the last batch norm and leaky ReLU. The first one's
   * leaky ReLU is part of the convolution.
   */
  private record Layer(Conv2d conv, @Nullable BatchNorm2d norm) {}

  private final List<Layer> layers = new ArrayList<>();
  private final ParameterStore parameters;
  private DType activations;

  /**
   * Builds a discriminator with random weights.
   *
   * @param inChannels channels of the image
   * @param ndf width of the first layer; 64 as published
   * @param numLayers layers with batch norm; 3 as published
   * @param stream orders the work
   * @param seed of the random weights
   */
  public Discriminator(int inChannels, int ndf, int numLayers, Stream stream, long seed) {
    if (inChannels < 1 || ndf < 1 || numLayers < 1) {
      throw new EqvaeException.Argument(
          "Discriminator: in_channels, ndf and n_layers must be at least 1");
    }
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope s = builder.root().in("main");
    io.github.eqvae.op.Conv2d half = new io.github.eqvae.op.Conv2d(2, 1);
    io.github.eqvae.op.Conv2d keep = new io.github.eqvae.op.Conv2d(1, 1);
    Init firstBias = Init.torchDefault(inChannels * 16L);
    layers.add(
        new Layer(
            new Conv2d(
                s.in("0"),
                inChannels,
                ndf,
                4,
                half.with(Activation.leakyRelu(SLOPE)),
                CONV,
                firstBias),
            null));
    int index = 2;
    int width = ndf;
    for (int n = 1; n <= numLayers; n++) {
      int next = ndf * Math.min(1 << n, 8);
      Conv2d conv =
          new Conv2d(s.in("" + index), width, next, 4, n < numLayers ? half : keep, CONV, null);
      layers.add(new Layer(conv, new BatchNorm2d(s.in("" + (index + 1)), next, 1e-5, 0.1, NORM)));
      width = next;
      index += 3;
    }
    Init lastBias = Init.torchDefault(width * 16L);
    layers.add(new Layer(new Conv2d(s.in("" + index), width, 1, 4, keep, CONV, lastBias), null));
    parameters = builder.build(stream, seed, true);
    activations = stream.device().dtype();
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
   * Chooses the dtype of the activations. Parameters, inputs and results keep the device's dtype.
   *
   * @param dtype the device's dtype (the default), or BF16 if the device supports it
   */
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  /**
   * From now on batch norm uses the statistics of the images of all ranks in training, as after
   * PyTorch's {@code SyncBatchNorm.convert_sync_batchnorm}. Every rank must judge equally often.
   *
   * @param ranks who takes part
   */
  public void synchronise(Communicator ranks) {
    for (Layer layer : layers) {
      if (layer.norm() != null) {
        layer.norm().synchronise(ranks);
      }
    }
  }

  /**
   * The smallest side an image may have.
   *
   * @return pixels
   */
  public int smallestSide() {
    int side = 1; // one logit; each layer backwards: (side − 1)·stride + 4 − 2·padding
    for (int i = layers.size() - 1; i >= 0; i--) {
      int stride = i < layers.size() - 2 ? 2 : 1;
      side = (side - 1) * stride + 2;
    }
    return side;
  }

  /**
   * Judges images.
   *
   * @param tape the tape
   * @param x images in [-1, 1], {@code [N, H, W, in_channels]}
   * @param training whether batch norm uses (and tracks) the batch's statistics
   * @return logits {@code [N, h, w, 1]}: 30×30 for 256×256 at three layers
   */
  public Tensor forward(Tape tape, Tensor x, boolean training) {
    Tensor h = Ops.cast(tape, x, activations);
    for (Layer layer : layers) {
      h = layer.conv().forward(tape, h);
      BatchNorm2d norm = layer.norm();
      if (norm != null) {
        h = tape.apply(new LeakyRelu(SLOPE), norm.forward(tape, h, training));
      }
    }
    return Ops.cast(tape, h, x.dtype());
  }

  @Override
  public void close() {
    parameters.close();
  }
}
