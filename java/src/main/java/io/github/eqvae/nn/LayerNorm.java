package io.github.eqvae.nn;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Normalisation of the last axis, with a sample's shift and scale in the same pass. PyTorch: {@code
 * nn.LayerNorm} and {@code nn.RMSNorm}.
 */
public final class LayerNorm {
  private final io.github.eqvae.op.LayerNorm op;
  private final @Nullable Parameter weight;
  private final @Nullable Parameter bias;

  private LayerNorm(
      io.github.eqvae.op.LayerNorm op, @Nullable Parameter weight, @Nullable Parameter bias) {
    this.op = op;
    this.weight = weight;
    this.bias = bias;
  }

  /**
   * Without parameters: {@code elementwise_affine=False}.
   *
   * @param eps added to the variance
   * @return the layer
   */
  public static LayerNorm plain(double eps) {
    return new LayerNorm(new io.github.eqvae.op.LayerNorm(eps, false), null, null);
  }

  /**
   * Declares a layer norm with {@code weight [C]} and {@code bias [C]}.
   *
   * @param scope where its parameters go
   * @param channels the last axis
   * @param eps added to the variance
   * @return the layer
   */
  public static LayerNorm affine(Scope scope, int channels, double eps) {
    return new LayerNorm(
        new io.github.eqvae.op.LayerNorm(eps, false),
        scope.parameter("weight", Init.ONES, channels),
        scope.parameter("bias", Init.ZEROS, channels));
  }

  /**
   * Declares an RMS norm with {@code weight [C]}.
   *
   * @param scope where its parameter goes
   * @param channels the last axis
   * @param eps added to the mean of squares
   * @return the layer
   */
  public static LayerNorm rms(Scope scope, int channels, double eps) {
    return new LayerNorm(
        new io.github.eqvae.op.LayerNorm(eps, true),
        scope.parameter("weight", Init.ONES, channels),
        null);
  }

  /**
   * An RMS norm without parameters.
   *
   * @param eps added to the mean of squares
   * @return the layer
   */
  public static LayerNorm plainRms(double eps) {
    return new LayerNorm(new io.github.eqvae.op.LayerNorm(eps, true), null, null);
  }

  /**
   * Declares an RMS norm with {@code weight [C]} and {@code bias [C]}.
   *
   * @param scope where its parameters go
   * @param channels the last axis
   * @param eps added to the mean of squares
   * @return the layer
   */
  public static LayerNorm affineRms(Scope scope, int channels, double eps) {
    return new LayerNorm(
        new io.github.eqvae.op.LayerNorm(eps, true),
        scope.parameter("weight", Init.ONES, channels),
        scope.parameter("bias", Init.ZEROS, channels));
  }

  /**
   * Runs the layer.
   *
   * @param tape the tape
   * @param x {@code [...,C]}
   * @return the same shape
   */
  public Tensor forward(Tape tape, Tensor x) {
    return tape.apply(op, x, on(tape, weight), on(tape, bias));
  }

  /**
   * Runs the layer and modulates its result: {@code norm(x) * (1 + scale) + shift}.
   *
   * @param tape the tape
   * @param x {@code [N,...,C]}
   * @param modulation {@code [N,2,C]}, shift and scale, or {@code [N,1,C]}, scale
   * @return the shape of x
   */
  public Tensor forward(Tape tape, Tensor x, Tensor modulation) {
    return tape.apply(op, x, on(tape, weight), on(tape, bias), modulation);
  }

  private static @Nullable Tensor on(Tape tape, @Nullable Parameter p) {
    return p == null ? null : p.on(tape);
  }
}
