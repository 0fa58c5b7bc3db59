package io.github.eqvae.bench;

import io.github.eqvae.bench.torch.TorchDit;
import io.github.eqvae.bench.torch.TorchOptions;
import io.github.eqvae.bench.torch.TorchParameters;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** The same diffusion transformer by libtorch. */
final class TorchDitWork implements Work {
  private final DitSetting s;
  private final TorchDit dit;
  private final AdamW adam;
  private final List<Tensor> weights = new ArrayList<>();
  private final List<Tensor> averages = new ArrayList<>();
  private float[] forward = new float[0];

  TorchDitWork(DitSetting s, boolean channelsLast) {
    this.s = s;
    torch.set_num_threads(Peer.threads());
    TorchParameters parameters;
    try (EqvaeDit start = new EqvaeDit(s)) { // the same initial weights
      TorchOptions options = new TorchOptions(false, channelsLast);
      parameters = new TorchParameters(start.dit().parameters(), start.stream(), options);
    }
    dit = new TorchDit(s.config(), parameters);
    for (String name : parameters.learned()) {
      weights.add(parameters.value(name));
      averages.add(parameters.value(name).detach().clone());
    }
    AdamWOptions options = new AdamWOptions(DitSetting.LEARNING_RATE);
    options.weight_decay().put(0);
    adam =
        s.training() ? new AdamW(new TensorVector(weights.toArray(new Tensor[0])), options) : null;
  }

  private Tensor nchw(float[] nhwc) {
    int side = s.config().side();
    return Tensor.create(nhwc, s.batch(), side, side, s.config().channels())
        .permute(0, 3, 1, 2)
        .contiguous();
  }

  private Tensor forward() {
    Tensor labels = Tensor.create(s.labels(), s.batch()).to(torch.ScalarType.Long);
    return dit.forward(nchw(s.latents()), Tensor.create(s.times(), s.batch()), labels);
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope()) {
      if (!s.training()) {
        try (NoGradGuard guard = new NoGradGuard()) {
          forward = floats(forward().permute(0, 2, 3, 1));
        }
        return;
      }
      adam.zero_grad();
      Tensor said = forward().narrow(1, 0, s.config().channels());
      torch.mse_loss(said, nchw(s.velocities())).backward();
      adam.step();
      try (NoGradGuard guard = new NoGradGuard()) {
        Scalar share = new Scalar(1 - DitSetting.EMA_DECAY);
        for (int i = 0; i < weights.size(); i++) {
          averages.get(i).lerp_(weights.get(i), share);
        }
      }
    }
  }

  private static float[] floats(Tensor t) {
    Tensor dense = t.detach().contiguous();
    float[] out = new float[(int) dense.numel()];
    new FloatPointer(dense.data_ptr()).get(out);
    return out;
  }

  @Override
  public float[] result() {
    try (PointerScope scope = new PointerScope()) {
      return s.training()
          ? Weights.flat(weights.stream().map(TorchDitWork::floats).toList())
          : forward;
    }
  }

  @Override
  public void close() {
    if (adam != null) {
      adam.close();
    }
  }
}
