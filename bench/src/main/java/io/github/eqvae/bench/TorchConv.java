package io.github.eqvae.bench;

import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongArrayRefOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** The same convolution by libtorch. */
final class TorchConv implements Work {
  private static final long[] ONE = {1, 1};
  private static final long[] ZERO = {0, 0};

  private final ConvDirection direction;
  private final Tensor x;
  private final Tensor dy;
  private final Tensor weight;
  private final Tensor bias;
  private final BoolPointer mask;
  private float[] kept = {};
  private boolean keep;

  TorchConv(ConvShape s, ConvDirection direction, boolean channelsLast) {
    this.direction = direction;
    torch.set_num_threads(Peer.threads());
    torch.MemoryFormat format =
        channelsLast ? torch.MemoryFormat.ChannelsLast : torch.MemoryFormat.Contiguous;
    weight =
        Tensor.create(Numbers.uniform(1, 9L * s.in() * s.out()), s.out(), s.in(), 3, 3)
            .contiguous(format);
    bias = Tensor.create(Numbers.uniform(2, s.out()), s.out());
    x = image(3, s.batch(), s.side(), s.in(), format);
    dy = image(4, s.batch(), s.side(), s.out(), format);
    mask = new BoolPointer(3);
    mask.put(0, direction == ConvDirection.INPUT_GRADIENT);
    mask.put(1, direction == ConvDirection.WEIGHT_GRADIENT);
    mask.put(2, false);
  }

  private static Tensor image(
      long seed, long n, long side, long channels, torch.MemoryFormat format) {
    float[] nhwc = Numbers.uniform(seed, n * side * side * channels);
    return Tensor.create(nhwc, n, side, side, channels).permute(0, 3, 1, 2).contiguous(format);
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      Tensor out;
      if (direction == ConvDirection.FORWARD) {
        out = torch.conv2d(x, weight, new TensorOptional(bias), ONE, ONE, ONE, 1);
      } else {
        var all =
            torch.convolution_backward(
                dy, x, weight, new LongArrayRefOptional(), ONE, ONE, ONE, false, ZERO, 1, mask);
        out = direction == ConvDirection.INPUT_GRADIENT ? all.get0() : all.get1();
      }
      if (keep) {
        Tensor rows = direction == ConvDirection.WEIGHT_GRADIENT ? out : out.permute(0, 2, 3, 1);
        rows = rows.contiguous();
        kept = new float[(int) rows.numel()];
        new FloatPointer(rows.data_ptr()).get(kept);
      }
    }
  }

  @Override
  public float[] result() {
    keep = true;
    run();
    keep = false;
    return kept;
  }

  @Override
  public void close() {
    x.close();
    dy.close();
    weight.close();
    bias.close();
  }
}
