package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Launch;

/**
 * An elementwise function: either an operation ({@link Silu}, {@link Relu}, {@code LeakyRelu},
 * {@link Gelu}) or the last part of another one ({@link Conv2d}).
 *
 * @param kind which
 * @param slope factor below zero, of {@link Kind#LEAKY_RELU}; else 0
 */
public record Activation(Kind kind, double slope) {
  /** The functions, in the order of {@code eqv.h}. */
  public enum Kind {
    /** x. */
    IDENTITY,
    /** x·sigmoid(x). */
    SILU,
    /** max(x, 0). */
    RELU,
    /** x for x > 0, slope·x otherwise. */
    LEAKY_RELU,
    /** ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
    GELU_TANH,
    /** x·Φ(x). */
    GELU
  }

  /** None. */
  public static final Activation IDENTITY = new Activation(Kind.IDENTITY, 0);

  /** PyTorch: {@code F.silu}. */
  public static final Activation SILU = new Activation(Kind.SILU, 0);

  /** PyTorch: {@code F.gelu(x, approximate="tanh")}. */
  public static final Activation GELU_TANH = new Activation(Kind.GELU_TANH, 0);

  /** PyTorch: {@code F.gelu}. */
  public static final Activation GELU = new Activation(Kind.GELU, 0);

  /** PyTorch: {@code F.relu}. */
  public static final Activation RELU = new Activation(Kind.RELU, 0);

  /**
   * Checks the slope.
   *
   * @throws EqvaeException.Argument when the slope is not a number
   */
  public Activation {
    if (!Double.isFinite(slope)) {
      throw new EqvaeException.Argument("Activation: the slope is " + slope + ", must be finite");
    }
  }

  /**
   * PyTorch: {@code F.leaky_relu}.
   *
   * @param slope factor below zero
   * @return the function
   */
  public static Activation leakyRelu(double slope) {
    return new Activation(Kind.LEAKY_RELU, slope);
  }

  /** Writes the two fields that name it in a parameter struct. */
  Launch on(Launch launch) {
    return launch.i32(kind.ordinal()).f32(slope);
  }
}
