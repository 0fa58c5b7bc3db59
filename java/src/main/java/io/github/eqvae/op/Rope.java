package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Rotary position embedding (Su et al., arXiv 2104.09864): pairs of neighbouring channels of a head
 * are rotated by angles that depend on the token, y[2k] = x[2k]·cos[2k] − x[2k+1]·sin[2k], y[2k+1]
 * = x[2k+1]·cos[2k+1] + x[2k]·sin[2k+1].
 *
 * <p>Inputs: x {@code [N,T,heads,D]}, cos and sin {@code [T,D]}, constants. Output: as x; heads
 * from {@code rotated} on are copied, so that queries, keys and values of one product can stay
 * together. The backward pass rotates in the other direction. PyTorch: {@code x * cos +
 * rotate_half(x) * sin} with adjacent pairs, as in LightningDiT.
 *
 * @param rotated how many heads are turned
 */
public record Rope(int rotated) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(x.dim(3) % 2 == 0, "the heads of x " + x + " have an odd size");
    in.require(
        rotated >= 0 && rotated <= x.dim(2),
        rotated + " heads are to be rotated, x " + x + " has " + x.dim(2));
    in.expect(1, "cos", Shape.of(x.dim(1), x.dim(3)));
    in.expect(2, "sin", Shape.of(x.dim(1), x.dim(3)));
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1, 2);
  }

  private void turn(OpCall c, Tensor from, boolean back, Tensor to) {
    c.launch(Fn.ROPE, Struct.ROPE_PARAMS).i32(rotated).flag(back).run(from, c.in(1), c.in(2), to);
  }

  @Override
  public void forward(OpCall c) {
    turn(c, c.in(0), false, c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(1) || c.wants(2)) {
      throw new EqvaeException.Unsupported("rope: cos and sin are constants");
    }
    turn(c, c.dOut(0), true, c.dIn(0));
  }
}
