package io.github.eqvae.op;

import static io.github.eqvae.testing.TorchOracle.nchw;
import static io.github.eqvae.testing.TorchOracle.nhwc;
import static io.github.eqvae.testing.TorchOracle.optional;
import static io.github.eqvae.testing.TorchOracle.scalar;

import io.github.eqvae.testing.TorchOracle.Function;
import org.bytedeco.pytorch.InterpolateFuncOptions;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.LongVectorOptional;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.kBicubic;
import org.bytedeco.pytorch.kBilinear;
import org.jspecify.annotations.Nullable;

/**
 * The operations as their PyTorch documentation words them. Parameters that the C interface takes
 * in single precision are rounded to it here too, so that both sides compute the same function.
 */
final class Oracles {
  private Oracles() {}

  static double single(double value) {
    return (float) value;
  }

  static Tensor upsampleConv2d(Tensor[] in) {
    return conv2d(new Conv2d(1, 1))
        .apply(
            in.length > 2
                ? new Tensor[] {upsample(new Tensor[] {in[0]}), in[1], in[2]}
                : new Tensor[] {upsample(new Tensor[] {in[0]}), in[1]});
  }

  static Function conv2d(Conv2d op) {
    return in -> {
      Tensor x =
          torch.constant_pad_nd(
              nchw(in[0]), new long[] {op.left(), op.right(), op.top(), op.bottom()}, scalar(0));
      long[] stride = {op.stride(), op.stride()};
      Tensor y =
          nhwc(
              torch.conv2d(
                  x, in[1], optional(in, 2), stride, new long[] {0, 0}, new long[] {1, 1}, 1));
      return activation(op.activation(), in.length > 3 ? y.add(in[3]) : y);
    };
  }

  static Tensor activation(Activation f, Tensor x) {
    return switch (f.kind()) {
      case IDENTITY -> x;
      case SILU -> torch.silu(x);
      case RELU -> torch.relu(x);
      case LEAKY_RELU -> torch.leaky_relu(x, scalar(single(f.slope())));
      case GELU_TANH, GELU -> TransformerOracles.gelu(f.kind(), x);
    };
  }

  static Tensor linear(Tensor... in) {
    return torch.linear(in[0], in[1], optional(in, 2));
  }

  static Function groupNorm(GroupNorm op) {
    return in -> {
      Tensor y =
          nhwc(
              torch.group_norm(
                  nchw(in[0]).contiguous(),
                  op.groups(),
                  optional(in, 1),
                  optional(in, 2),
                  single(op.eps()),
                  false));
      return op.silu() ? torch.silu(y) : y;
    };
  }

  static Function batchNorm(BatchNorm op) {
    return in ->
        nhwc(
            torch.batch_norm(
                nchw(in[0]).contiguous(),
                optional(in, 1),
                optional(in, 2),
                optional(in, 3),
                optional(in, 4),
                op.training(),
                single(op.momentum()),
                single(op.eps()),
                false));
  }

  static Function leakyRelu(LeakyRelu op) {
    return in -> torch.leaky_relu(in[0], scalar(single(op.slope())));
  }

  static Tensor upsample(Tensor... in) {
    long[] size = {2 * in[0].size(1), 2 * in[0].size(2)};
    return nhwc(torch.upsample_nearest2d(nchw(in[0]), size));
  }

  static Tensor maxPool(Tensor... in) {
    return nhwc(torch.max_pool2d(nchw(in[0]).contiguous(), 2, 2));
  }

  static Function maxPool2d(MaxPool2d op) {
    long[] window = {op.height(), op.width()};
    long[] stride = {op.stride(), op.stride()};
    long[] padding = {op.padding(), op.padding()};
    long[] dilation = {1, 1};
    return in ->
        nhwc(torch.max_pool2d(nchw(in[0]).contiguous(), window, stride, padding, dilation, false));
  }

  static Function avgPool2d(AvgPool2d op) {
    long[] window = {op.height(), op.width()};
    long[] stride = {op.stride(), op.stride()};
    long[] padding = {op.padding(), op.padding()};
    return in ->
        nhwc(
            torch.avg_pool2d(
                nchw(in[0]).contiguous(),
                window,
                stride,
                padding,
                false,
                false,
                new LongOptional()));
  }

  static Tensor channelAffine(Tensor... in) {
    Tensor y = in[0].mul(in[1]);
    return in.length > 2 ? y.add(in[2]) : y;
  }

  private static Tensor heads(Tensor t, int heads) {
    return t.reshape(t.size(0), t.size(1), heads, t.size(2) / heads).transpose(1, 2);
  }

  static Function attention(Attention op) {
    return attention(op.heads(), null);
  }

  /** Attention whose weights, after the softmax, count so many times; null for once. */
  static Function attention(int heads, @Nullable Tensor times) {
    return in -> {
      long c = in[0].size(2);
      double scale = single(1 / Math.sqrt(c / (double) heads));
      Tensor q = heads(in[0], heads);
      Tensor k = heads(in[1], heads);
      Tensor p = torch.softmax(q.matmul(k.transpose(2, 3)).mul(scalar(scale)), 3);
      return (times == null ? p : p.mul(times))
          .matmul(heads(in[2], heads))
          .transpose(1, 2)
          .reshape(in[0].size(0), in[0].size(1), c);
    };
  }

  static Function resample(Resample op) {
    return in -> {
      Tensor x = nchw(in[0]).contiguous();
      if (x.size(2) != op.height() || x.size(3) != op.width()) {
        InterpolateFuncOptions options = new InterpolateFuncOptions();
        options.size().put(new LongVectorOptional(new LongVector(op.height(), op.width())));
        boolean cubic = op.interpolation().ordinal() >= Interpolation.BICUBIC.ordinal();
        if (cubic) {
          options.mode().put(new kBicubic());
        } else {
          options.mode().put(new kBilinear());
        }
        options.align_corners().put(false);
        options.antialias().put(op.interpolation().ordinal() % 2 == 1);
        x = torch.interpolate(x, options);
      }
      x = torch.rot90(x, op.quarterTurns(), -1, -2);
      if (op.flipHorizontal()) {
        x = torch.flip(x, -1);
      }
      return nhwc(op.flipVertical() ? torch.flip(x, -2) : x);
    };
  }

  static Function affine(Affine op) {
    return in -> {
      Tensor x = nchw(in[0]).contiguous();
      long[] size = {x.size(0), x.size(1), op.height(), op.width()};
      Tensor grid = torch.affine_grid_generator(in[1], size, false);
      return nhwc(torch.grid_sampler(x, grid, 0, op.padding().ordinal(), false));
    };
  }

  private static Tensor mean(Tensor moments) {
    return moments.narrow(3, 0, moments.size(3) / 2);
  }

  private static Tensor logVariance(Tensor moments) {
    return moments
        .narrow(3, moments.size(3) / 2, moments.size(3) / 2)
        .clamp(new ScalarOptional(scalar(-30)), new ScalarOptional(scalar(20)));
  }

  static Tensor gaussianSample(Tensor... in) {
    return mean(in[0]).add(logVariance(in[0]).mul(scalar(0.5)).exp().mul(in[1]));
  }

  static Tensor gaussianKl(Tensor... in) {
    Tensor log = logVariance(in[0]);
    return mean(in[0])
        .square()
        .add(log.exp())
        .sub(scalar(1))
        .sub(log)
        .sum()
        .mul(scalar(0.5 / in[0].size(0)));
  }

  static Function pixelLoss(PixelLoss op) {
    return in -> {
      Tensor d = in[0].sub(in[1]);
      double square = op.epsilon() * op.epsilon();
      Tensor term =
          switch (op.kind()) {
            case L1 -> d.abs();
            case L2 -> d.square();
            case CHARBONNIER -> d.square().add(scalar(square)).sqrt();
          };
      return term.sum().mul(scalar(op.scale()));
    };
  }

  static Function arithmetic(Arithmetic op) {
    return switch (op.kind()) {
      case PRODUCT -> in -> in[0].mul(in[1]);
      case QUOTIENT -> in -> in[0].div(in[1]);
      case LOGARITHM -> in -> in[0].log();
    };
  }

  static Function pad2d(Pad2d op) {
    long[] sides = {op.left(), op.right(), op.top(), op.bottom()};
    return switch (op.mode()) {
      case ZEROS -> in -> nhwc(torch.constant_pad_nd(nchw(in[0]), sides, scalar(0)));
      case REFLECT -> in -> nhwc(torch.reflection_pad2d(nchw(in[0]), sides));
      case REPLICATE -> in -> nhwc(torch.replication_pad2d(nchw(in[0]), sides));
    };
  }

  static Function ganLoss(GanLoss op) {
    return in -> {
      Tensor x = in[0];
      Tensor term =
          switch (op.kind()) {
            case HINGE_REAL -> torch.relu(x.neg().add(scalar(1)));
            case HINGE_FAKE -> torch.relu(x.add(scalar(1)));
            case NEGATED -> x.neg();
            case SOFTPLUS_REAL -> torch.softplus(x.neg(), scalar(1), scalar(40));
            case SOFTPLUS_FAKE -> torch.softplus(x, scalar(1), scalar(40));
          };
      return term.sum().mul(scalar(op.scale()));
    };
  }

  private static Tensor unit(Tensor f) {
    return f.div(f.square().sum(new long[] {3}, true, sameType()).sqrt().add(scalar(1e-10)));
  }

  private static org.bytedeco.pytorch.ScalarTypeOptional sameType() {
    return new org.bytedeco.pytorch.ScalarTypeOptional();
  }

  static Tensor lpipsHead(Tensor... in) {
    Tensor d = unit(in[0]).sub(unit(in[1])).square().mul(in[2]);
    return d.sum(3).mean(1, 2);
  }

  /** Differences squared and summed; the zero makes z's gradient exist. */
  static Tensor vectorQuantize(Tensor... in) {
    long d = in[1].size(1);
    Tensor flat = in[0].reshape(-1, 1, d);
    Tensor index = flat.sub(in[1].unsqueeze(0)).square().sum(2).argmin(new LongOptional(1), false);
    Tensor nearest = in[1].index_select(0, index).reshape(in[0].sizes());
    return nearest.add(in[0].mul(scalar(0)));
  }

  static Function weightedSum(WeightedSum op) {
    return in -> {
      Tensor y = in[0].mul(scalar(single(op.weights().getFirst())));
      for (int i = 1; i < in.length; i++) {
        y = y.add(in[i].mul(scalar(single(op.weights().get(i)))));
      }
      return y;
    };
  }

  static Function concat(int axis) {
    return in -> torch.cat(new TensorVector(in), axis);
  }
}
