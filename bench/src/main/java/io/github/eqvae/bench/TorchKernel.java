package io.github.eqvae.bench;

import io.github.eqvae.op.Attention;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.Resample;
import io.github.eqvae.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** The same operation by libtorch, on the processor. */
final class TorchKernel implements Work {
  private final KernelSpec spec;
  private final Tensor[] x;
  private final Tensor y;
  private final Tensor dy;
  private List<float[]> kept = List.of();
  private boolean keep;

  TorchKernel(KernelSpec spec, String device, String dtype) {
    if (!device.equals("cpu") || !dtype.equals("f32")) {
      throw new IllegalArgumentException(
          "The peer TORCH is libtorch for the processor, in fp32: use -p device=cpu -p dtype=f32."
              + " On a GPU, PyTorch is measured by bench/gpu/run");
    }
    this.spec = spec;
    torch.set_num_threads(Peer.threads());
    x = new Tensor[spec.inputs().size()];
    for (int i = 0; i < x.length; i++) {
      x[i] = place(i, spec.inputs().get(i));
    }
    Arrays.stream(spec.wanted()).forEach(i -> x[i].set_requires_grad(true));
    y = function();
    dy = torch.empty_like(y);
    long[] nhwc = y.sizes().vec().get();
    Tensor values =
        nhwc.length == 4
            ? place(x.length, Shape.of(nhwc[0], nhwc[2], nhwc[3], nhwc[1]))
            : place(x.length, Shape.of(nhwc));
    try (NoGradGuard guard = new NoGradGuard()) {
      dy.copy_(values);
    }
  }

  /** Images as {@code channels_last}; everything else, weights too, as in PyTorch. */
  private Tensor place(int number, Shape shape) {
    Tensor t = Tensor.create(KernelSpec.values(number, shape.elements()), shape.extents()).clone();
    return isImage(number, shape) ? t.permute(0, 3, 1, 2) : t;
  }

  /** Everything of rank 4 but weights. */
  private boolean isImage(int number, Shape shape) {
    return shape.rank() == 4 && !(spec.op() instanceof Conv2d && number == 1);
  }

  private Tensor function() {
    return switch (spec.op()) {
      case Conv2d c -> {
        Tensor in = x[0];
        boolean even = c.top() == c.bottom() && c.left() == c.right() && c.top() == c.left();
        if (!even) {
          in = torch.constant_pad_nd(in, c.left(), c.right(), c.top(), c.bottom());
        }
        long[] pad = even ? new long[] {c.top(), c.left()} : new long[] {0, 0};
        yield torch.conv2d(
            in,
            x[1],
            new TensorOptional(x[2]),
            new long[] {c.stride(), c.stride()},
            pad,
            new long[] {1, 1},
            1);
      }
      case GroupNorm g -> {
        Tensor n =
            torch.group_norm(
                x[0],
                g.groups(),
                new TensorOptional(x[1]),
                new TensorOptional(x[2]),
                g.eps(),
                false);
        yield g.silu() ? torch.silu(n) : n;
      }
      case Attention a ->
          torch
              .scaled_dot_product_attention(x[0].unsqueeze(1), x[1].unsqueeze(1), x[2].unsqueeze(1))
              .squeeze(1);
      case Linear l -> torch.linear(x[0], x[1], new TensorOptional(x[2]));
      case Resample r ->
          torch.rot90(
              torch.upsample_bilinear2d(x[0], new long[] {r.height(), r.width()}, false),
              -r.quarterTurns(),
              2,
              3);
      case PixelLoss p -> torch.l1_loss(x[0], x[1], torch.Reduction.Sum.value);
      default -> throw new IllegalArgumentException("no libtorch peer for " + spec.op());
    };
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope()) {
      List<Tensor> out = new ArrayList<>();
      if (spec.isForward()) {
        try (NoGradGuard guard = new NoGradGuard()) {
          out.add(function());
        }
      } else {
        Tensor[] wanted = Arrays.stream(spec.wanted()).mapToObj(i -> x[i]).toArray(Tensor[]::new);
        TensorVector found =
            torch.grad(
                new TensorVector(y),
                new TensorVector(wanted),
                new TensorVector(dy),
                new BoolOptional(true),
                false,
                false);
        for (int i = 0; i < wanted.length; i++) {
          out.add(found.get(i));
        }
      }
      if (keep) {
        kept = new ArrayList<>();
        for (int i = 0; i < out.size(); i++) {
          int number = spec.isForward() ? spec.inputs().size() : spec.wanted()[i];
          boolean image = out.get(i).dim() == 4 && !(spec.op() instanceof Conv2d && number == 1);
          Tensor t = image ? out.get(i).permute(0, 2, 3, 1) : out.get(i);
          t = t.contiguous();
          float[] values = new float[(int) t.numel()];
          new FloatPointer(t.data_ptr()).get(values);
          kept.add(values);
        }
      }
    }
  }

  @Override
  public float[] result() {
    keep = true;
    run();
    keep = false;
    return Weights.flat(kept);
  }

  @Override
  public void close() {
    for (Tensor t : x) {
      t.close();
    }
    y.close();
    dy.close();
  }
}
