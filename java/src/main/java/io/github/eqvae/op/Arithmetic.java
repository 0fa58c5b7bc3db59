package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Products, quotients and logarithms, element by element. Inputs: a, and b of the same shape (not
 * for the logarithm). Output: as a. PyTorch: {@code torch.mul}, {@code torch.div}, {@code
 * torch.log}.
 *
 * @param kind which
 */
public record Arithmetic(Kind kind) implements Op {
  /** What is computed; the numbers are those of {@code eqv.h}. */
  public enum Kind {
    /** a·b. */
    PRODUCT,
    /** a/b. */
    QUOTIENT,
    /** The natural logarithm of a. */
    LOGARITHM
  }

  /** a·b. */
  public static final Arithmetic PRODUCT = new Arithmetic(Kind.PRODUCT);

  /** a/b. */
  public static final Arithmetic QUOTIENT = new Arithmetic(Kind.QUOTIENT);

  /** log a. */
  public static final Arithmetic LOGARITHM = new Arithmetic(Kind.LOGARITHM);

  private boolean isPair() {
    return kind != Kind.LOGARITHM;
  }

  @Override
  public Inference infer(Inputs in) {
    if (isPair()) {
      in.expect(1, "b", in.shape(0));
    } else {
      in.require(!in.has(1), "a logarithm takes one input");
    }
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return isPair() ? Keeps.inputs(0, 1) : Keeps.inputs(0);
  }

  private @Nullable Tensor second(OpCall c) {
    return isPair() ? c.in(1) : null;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.ARITHMETIC_FWD, Struct.ARITHMETIC_PARAMS)
        .i32(kind.ordinal())
        .run(c.in(0), second(c), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.ARITHMETIC_BWD, Struct.ARITHMETIC_PARAMS)
        .i32(kind.ordinal())
        .run(c.dOut(0), c.in(0), second(c), c.dIn(0), isPair() ? c.dIn(1) : null);
  }
}
