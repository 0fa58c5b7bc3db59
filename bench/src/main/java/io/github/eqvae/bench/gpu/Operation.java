package io.github.eqvae.bench.gpu;

import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Attention;
import io.github.eqvae.op.BatchNorm;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.LeakyRelu;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.LpipsHead;
import io.github.eqvae.op.MaxPool2x2;
import io.github.eqvae.op.Op;
import io.github.eqvae.op.Scale;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.op.Sum;
import io.github.eqvae.op.UpsampleConv2d;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The operation of a case and what it is given; bench/gpu/peer_ops.py has the same in PyTorch.
 *
 * @param op the operation
 * @param inputs in its order
 * @param wanted of which inputs the gradients are asked for when the case goes backward
 */
record Operation(Op op, List<Input> inputs, List<Integer> wanted) {
  private static final List<String> KINDS =
      List.of(
          "conv2d",
          "upsample_conv2d",
          "group_norm_silu",
          "attention",
          "lpips_head",
          "max_pool",
          "batch_norm",
          "leaky_relu",
          "add",
          "layer_norm",
          "self_attention",
          "linear_gelu",
          "matmul",
          "copy",
          "cached_read");

  /** A tensor to be drawn. */
  record Input(DType dtype, Shape shape) {}

  static boolean is(String kind) {
    return KINDS.contains(kind);
  }

  /** The case's, with activations in bf16 or, in TF32, fp32. */
  static Operation of(Case c) {
    DType activations = c.isTf32() ? DType.F32 : DType.BF16;
    return switch (c.kind()) {
      case "conv2d" -> convolution(c, conv(c), c.integer("kernel"), activations);
      case "upsample_conv2d" -> convolution(c, new UpsampleConv2d(), 3, activations);
      case "group_norm_silu" ->
          of(new GroupNorm(32, 1e-6, true), image(c, activations), channels(c), channels(c));
      case "batch_norm" ->
          new Operation(
              new BatchNorm(1e-5, 0.1, true),
              Stream.concat(
                      Stream.of(image(c, activations)), Stream.generate(() -> channels(c)).limit(4))
                  .toList(),
              List.of(0, 1, 2));
      case "lpips_head" ->
          new Operation(
              new LpipsHead(),
              List.of(image(c, activations), image(c, activations), channels(c)),
              List.of(1)); // of the reconstruction
      case "max_pool" -> of(new MaxPool2x2(), image(c, activations));
      case "leaky_relu" -> of(new LeakyRelu(0.2), image(c, activations));
      case "add" -> of(new Add(), image(c, activations), image(c, activations));
      case "matmul" -> {
        long n = c.integer("size");
        yield of(new Linear(), new Input(activations, Shape.of(n, n)), parameter(n, n));
      }
      case "copy" -> of(new Scale(1), numbers(c));
      case "cached_read" -> of(new Sum(1), numbers(c));
      case "attention" -> {
        Input x = tokens(c, activations, 1);
        yield of(new Attention(1), x, x, x);
      }
      case "layer_norm" ->
          of(
              new LayerNorm(1e-6, false),
              tokens(c, activations, 1),
              channels(c),
              channels(c),
              new Input( // shift and scale
                  activations, Shape.of(c.integer("batch"), 2, c.integer("channels"))));
      case "self_attention" -> of(new SelfAttention(c.integer("heads")), tokens(c, activations, 3));
      case "linear_gelu" -> {
        long width = 4L * c.integer("channels");
        yield of(
            new Linear(Activation.GELU_TANH),
            tokens(c, activations, 1),
            parameter(width, c.integer("channels")),
            parameter(width));
      }
      default -> throw new IllegalArgumentException(c.kind());
    };
  }

  private static Operation of(Op op, Input... inputs) {
    return new Operation(
        op, Arrays.asList(inputs), IntStream.range(0, inputs.length).boxed().toList());
  }

  private static Operation convolution(Case c, Op op, int kernel, DType activations) {
    int in = c.integer("in");
    int out = c.integer("out");
    int side = c.integer("side");
    Input x = new Input(activations, Shape.of(c.integer("batch"), side, side, in));
    List<Integer> wanted =
        c.text("direction").equals("INPUT_GRADIENT") ? List.of(0) : List.of(1, 2);
    return new Operation(
        op, List.of(x, parameter(out, in, kernel, kernel), parameter(out)), wanted);
  }

  private static Conv2d conv(Case c) {
    @SuppressWarnings("unchecked")
    List<Integer> pad = (List<Integer>) c.parameters().get("pad");
    return new Conv2d(c.integer("stride"), pad.get(0), pad.get(1), pad.get(2), pad.get(3));
  }

  private static Input image(Case c, DType dtype) {
    int side = c.integer("side");
    return new Input(dtype, Shape.of(c.integer("batch"), side, side, c.integer("channels")));
  }

  /** So many tensors of tokens side by side. */
  private static Input tokens(Case c, DType dtype, int times) {
    return new Input(
        dtype,
        Shape.of(c.integer("batch"), c.integer("tokens"), (long) times * c.integer("channels")));
  }

  private static Input channels(Case c) {
    return parameter(c.integer("channels"));
  }

  private static Input parameter(long... shape) {
    return new Input(DType.F32, Shape.of(shape));
  }

  private static Input numbers(Case c) {
    return parameter(((Number) c.parameters().get("bytes")).longValue() / Float.BYTES);
  }
}
