package io.github.eqvae.bench;

import io.github.eqvae.bench.CodingBenchmark.Direction;
import io.github.eqvae.bench.torch.TorchAutoencoder;
import io.github.eqvae.bench.torch.TorchOptions;
import io.github.eqvae.bench.torch.TorchParameters;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Encoding or decoding by libtorch: from an array on the heap to an array on the heap. */
final class TorchCoding implements Work {
  private final CodingSetting setting;
  private final TorchOptions options;
  private final TorchAutoencoder vae;
  private final float[] numbers;
  private float[] result = {};

  TorchCoding(CodingSetting setting, boolean channelsLast) {
    this.setting = setting;
    torch.set_num_threads(Peer.threads());
    options = new TorchOptions(false, channelsLast);
    try (EqvaeCoding start = new EqvaeCoding(setting)) { // the same weights
      vae =
          new TorchAutoencoder(
              setting.config(),
              new TorchParameters(start.vae().parameters(), start.stream(), options));
    }
    numbers = setting.numbers();
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      Tensor x =
          Tensor.create(numbers, setting.input().extents())
              .permute(0, 3, 1, 2)
              .contiguous(
                  options.channelsLast()
                      ? torch.MemoryFormat.ChannelsLast
                      : torch.MemoryFormat.Contiguous);
      Tensor y =
          (setting.direction() == Direction.ENCODE ? vae.encode(x) : vae.decode(x))
              .permute(0, 2, 3, 1)
              .contiguous();
      result = new float[(int) y.numel()];
      new FloatPointer(y.data_ptr()).get(result);
    }
  }

  @Override
  public float[] result() {
    return result;
  }

  @Override
  public void close() {}
}
