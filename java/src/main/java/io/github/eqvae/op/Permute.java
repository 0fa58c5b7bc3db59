package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The axes in another order, a view: axis i of the output is axis {@code axes[i]} of the input. The
 * backward pass copies the gradient once. PyTorch: {@code x.permute(axes)}.
 *
 * @param axes a permutation of 0 … rank − 1
 */
public record Permute(List<Integer> axes) implements ViewOp {
  /** Copies the list. */
  public Permute {
    axes = List.copyOf(axes);
  }

  /**
   * A permutation.
   *
   * @param axes a permutation of 0 … rank − 1
   * @return the operation
   */
  public static Permute of(int... axes) {
    return new Permute(IntStream.of(axes).boxed().toList());
  }

  private int[] array() {
    return axes.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    List<Integer> all = IntStream.range(0, x.rank()).boxed().toList();
    in.require(
        axes.stream().sorted().toList().equals(all),
        axes + " is no permutation of the axes of " + x);
    return Inference.of(in.get(0).as(Shape.of(axes.stream().mapToLong(x::dim).toArray())));
  }

  @Override
  public Tensor view(Tensor x) {
    return x.permute(array());
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.temporary(c.in(0).shape(), c.in(0).dtype());
    c.dOut(0).copyTo(c.stream(), dx.permute(array()));
    c.pass(0, dx);
  }
}
