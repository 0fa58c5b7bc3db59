package io.github.eqvae.op;

import static io.github.eqvae.op.Oracles.single;
import static io.github.eqvae.testing.TorchOracle.scalar;

import io.github.eqvae.tensor.Philox;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.testing.TorchOracle;
import io.github.eqvae.testing.TorchOracle.Function;
import java.util.List;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** The operations of transformers in libtorch. */
final class TransformerOracles {
  private TransformerOracles() {}

  static Tensor gelu(Activation.Kind kind, Tensor x) {
    return torch.gelu(x, kind == Activation.Kind.GELU_TANH ? "tanh" : "none");
  }

  private static TensorOptional optional(List<In> ins, Tensor[] in, int i) {
    return i < ins.size() && !ins.get(i).isAbsent()
        ? new TensorOptional(in[i])
        : new TensorOptional();
  }

  static Function layerNorm(LayerNorm op, List<In> ins) {
    return in -> {
      long[] channels = {in[0].size(-1)};
      double eps = single(op.eps());
      Tensor u =
          op.rms()
              ? torch.rms_norm(in[0], channels, optional(ins, in, 1), new DoubleOptional(eps))
              : torch.layer_norm(
                  in[0], channels, optional(ins, in, 1), optional(ins, in, 2), eps, false);
      if (op.rms() && ins.size() > 2 && !ins.get(2).isAbsent()) {
        u = u.add(in[2]);
      }
      if (ins.size() < 4) {
        return u;
      }
      long[] perSample = new long[(int) u.dim()];
      java.util.Arrays.fill(perSample, 1);
      perSample[0] = u.size(0);
      perSample[perSample.length - 1] = u.size(-1);
      long parts = in[3].size(1);
      Tensor scale = in[3].select(1, parts - 1).reshape(perSample);
      Tensor y = u.mul(scale.add(scalar(1)));
      return parts == 2 ? y.add(in[3].select(1, 0).reshape(perSample)) : y;
    };
  }

  /** With the mask as the documentation says it is drawn. */
  static Function selfAttention(SelfAttention op, long counter) {
    return in -> {
      long n = in[0].size(0);
      long t = in[0].size(1);
      long blocks = (t + 3) / 4;
      double[] times = new double[(int) (n * op.heads() * t * t)];
      for (int i = 0; i < times.length; i++) {
        long key = i % t;
        long block = i / t * blocks + key / 4;
        int word = Philox.block(op.seed(), block, op.purpose() + counter)[(int) (key % 4)];
        times[i] = Philox.uniform(word) < op.rate() ? 0 : 1 / (1 - op.rate());
      }
      Tensor weights =
          TorchOracle.tensor(times, Shape.of(times.length), true).reshape(n, op.heads(), t, t);
      return Oracles.attention(op.heads(), weights)
          .apply(chunk(in[0], 0), chunk(in[0], 1), chunk(in[0], 2));
    };
  }

  private static Tensor chunk(Tensor qkv, int part) {
    return qkv.narrow(2, part * (qkv.size(2) / 3), qkv.size(2) / 3);
  }

  static Function linear(Linear op) {
    return in -> Oracles.activation(op.activation(), Oracles.linear(in));
  }

  static Tensor gatedAdd(Tensor... in) {
    long[] perSample = new long[(int) in[0].dim()];
    java.util.Arrays.fill(perSample, 1);
    perSample[0] = in[0].size(0);
    perSample[perSample.length - 1] = in[0].size(-1);
    return in[0].add(in[1].reshape(perSample).mul(in[2]));
  }

  static Tensor gatedUnit(Tensor... in) {
    long half = in[0].size(-1) / 2;
    return torch.silu(in[0].narrow(-1, 0, half)).mul(in[0].narrow(-1, half, half));
  }

  static Function rope(Rope op) {
    return in -> {
      long heads = in[0].size(2);
      Tensor turned = in[0].narrow(2, 0, op.rotated());
      Tensor pairs = turned.reshape(turned.size(0), turned.size(1), op.rotated(), -1, 2);
      Tensor rotated =
          torch
              .stack(new TensorVector(pairs.select(-1, 1).neg(), pairs.select(-1, 0)), -1)
              .reshape(turned.sizes());
      Tensor y = turned.mul(in[1].unsqueeze(1)).add(rotated.mul(in[2].unsqueeze(1)));
      return torch.cat(new TensorVector(y, in[0].narrow(2, op.rotated(), heads - op.rotated())), 2);
    };
  }

  static Tensor embedding(Tensor... in) {
    return torch.embedding(in[0], in[1].to(torch.ScalarType.Long));
  }

  static Function timestepEmbedding(TimestepEmbedding op) {
    return in -> {
      int half = op.width() / 2;
      double[] frequency = new double[half];
      for (int k = 0; k < half; k++) {
        frequency[k] = Math.exp(-Math.log(single(op.maxPeriod())) * k / half);
      }
      Tensor angle = in[0].unsqueeze(-1).mul(TorchOracle.tensor(frequency, Shape.of(half), true));
      Tensor y = torch.cat(new TensorVector(angle.cos(), angle.sin()), -1);
      return op.width() % 2 == 0
          ? y
          : torch.cat(new TensorVector(y, y.narrow(-1, 0, 1).mul(scalar(0))), -1);
    };
  }

  static Tensor sampleError(Tensor... in) {
    Tensor mean = in[0].sub(in[1]).square().reshape(in[0].size(0), -1).mean(1);
    return in.length > 2 ? mean.mul(in[2]) : mean;
  }

  static Tensor sampleMix(Tensor... in) {
    long[] each = new long[(int) in[0].dim()];
    java.util.Arrays.fill(each, 1);
    each[0] = in[0].size(0);
    Tensor a = in[0].mul(in[2].select(1, 0).reshape(each));
    return a.add(in[1].mul(in[2].select(1, 1).reshape(each)));
  }

  /** {@code variance} null: it is the row's least. */
  static Tensor gaussianVlb(
      Tensor said, @Nullable Tensor variance, Tensor start, Tensor noisy, IntFunction<Tensor> row) {
    Tensor log = row.apply(5).expand_as(said);
    if (variance != null) {
      Tensor part = variance.add(scalar(1)).div(scalar(2));
      log = part.mul(row.apply(6)).add(part.neg().add(scalar(1)).mul(row.apply(5)));
    }
    Tensor guess = row.apply(0).mul(noisy).add(row.apply(1).mul(said));
    Tensor towards = row.apply(3).mul(noisy);
    Tensor mean = row.apply(2).mul(guess).add(towards);
    Tensor apart = row.apply(2).mul(start).add(towards).sub(mean);
    Tensor posterior = row.apply(4);
    Tensor divergence =
        log.sub(posterior)
            .sub(scalar(1))
            .add(posterior.sub(log).exp())
            .add(apart.square().mul(log.neg().exp()))
            .mul(scalar(0.5));
    Tensor inverse = log.mul(scalar(-0.5)).exp();
    Tensor residual = start.sub(mean);
    Tensor above = nearlyNormal(inverse.mul(residual.add(scalar(1 / 255.0))));
    Tensor below = nearlyNormal(inverse.mul(residual.sub(scalar(1 / 255.0))));
    Tensor mass =
        torch.where(
            start.lt(scalar(-0.999)),
            above,
            torch.where(start.gt(scalar(0.999)), below.neg().add(scalar(1)), above.sub(below)));
    Tensor decoder = mass.clamp_min(scalar(1e-12)).log().neg();
    return torch
        .where(row.apply(7).gt(scalar(0)).expand_as(said), decoder, divergence)
        .reshape(said.size(0), -1)
        .mean(1)
        .div(scalar(Math.log(2)));
  }

  private static Tensor nearlyNormal(Tensor x) {
    Tensor w = x.add(x.pow(scalar(3)).mul(scalar(0.044715))).mul(scalar(Math.sqrt(2 / Math.PI)));
    return w.tanh().add(scalar(1)).mul(scalar(0.5));
  }

  /** The mask as the documentation says it is drawn. */
  static Function dropout(Dropout op, double counter) {
    return in -> {
      double[] mask = new double[(int) in[0].numel()];
      for (int i = 0; i < mask.length; i++) {
        int word = Philox.block(op.seed(), i / 4, op.purpose() + (long) counter)[i % 4];
        mask[i] = Philox.uniform(word) < op.rate() ? 0 : 1 / (1 - op.rate());
      }
      return in[0].mul(
          TorchOracle.tensor(mask, Shape.of(mask.length), true).reshape(in[0].sizes()));
    };
  }
}
