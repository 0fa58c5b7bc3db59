package io.github.eqvae.bench;

import io.github.eqvae.bench.torch.TorchAutoencoder;
import io.github.eqvae.bench.torch.TorchLatent;
import io.github.eqvae.bench.torch.TorchObjective;
import io.github.eqvae.bench.torch.TorchOptions;
import io.github.eqvae.bench.torch.TorchParameters;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** The same training step by libtorch. */
final class TorchStep implements Work {
  private final StepSetting s;
  private final TorchOptions options;
  private final TorchParameters parameters;
  private final TorchObjective objective;
  private final Adam adam;
  private final List<Tensor> weights = new ArrayList<>();
  private final List<Tensor> averages = new ArrayList<>();
  private final Tensor noise;
  private final float[] images;

  TorchStep(StepSetting s, boolean channelsLast) {
    this.s = s;
    torch.set_num_threads(Peer.threads());
    options = new TorchOptions(false, channelsLast);
    try (EqvaeStep start = new EqvaeStep(s)) { // the same initial weights
      parameters = new TorchParameters(start.vae().parameters(), start.stream(), options);
    }
    objective =
        new TorchObjective(
            new TorchAutoencoder(s.config(), parameters),
            new TorchLatent.Kl(),
            Optional.empty(),
            Optional.empty(),
            StepSetting.EQ,
            StepSetting.LOSS);
    for (String name : parameters.learned()) {
      weights.add(parameters.value(name));
      averages.add(parameters.value(name).detach().clone());
    }
    adam =
        new Adam(
            new TensorVector(weights.toArray(new Tensor[0])),
            new AdamOptions(StepSetting.LEARNING_RATE));
    int side = s.config().resolution();
    images = Numbers.uniform(5, (long) s.batch() * side * side * s.config().inChannels());
    int latent = s.latentSide();
    noise =
        nchw(
            Numbers.uniform(6, (long) s.batch() * latent * latent * s.config().embedDim()),
            latent,
            s.config().embedDim());
  }

  private Tensor nchw(float[] nhwc, long side, long channels) {
    return Tensor.create(nhwc, s.batch(), side, side, channels)
        .permute(0, 3, 1, 2)
        .contiguous(
            options.channelsLast()
                ? torch.MemoryFormat.ChannelsLast
                : torch.MemoryFormat.Contiguous);
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = nchw(images, s.config().resolution(), s.config().inChannels());
      adam.zero_grad();
      objective.autoencoderStep(List.of(new TorchObjective.Group(x, s.draw(), noise)), false, true);
      adam.step();
      try (NoGradGuard guard = new NoGradGuard()) {
        Scalar share = new Scalar(1 - StepSetting.EMA_DECAY);
        for (int i = 0; i < weights.size(); i++) {
          averages.get(i).lerp_(weights.get(i), share);
        }
      }
    }
  }

  @Override
  public float[] result() {
    List<float[]> parts = new ArrayList<>();
    try (PointerScope scope = new PointerScope()) {
      for (Tensor w : weights) {
        Tensor dense = w.detach().contiguous();
        float[] part = new float[(int) dense.numel()];
        new FloatPointer(dense.data_ptr()).get(part);
        parts.add(part);
      }
    }
    return Weights.flat(parts);
  }

  @Override
  public void close() {
    adam.close();
  }
}
