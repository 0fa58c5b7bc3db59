package io.github.eqvae.op;

/**
 * The tensors of the forward pass that the backward pass reads, as bit masks.
 *
 * @param inputs bit i: input i
 * @param outputs bit i: output i
 */
public record Keeps(int inputs, int outputs) {
  /** Neither inputs nor outputs. */
  public static final Keeps NOTHING = new Keeps(0, 0);

  /**
   * Some inputs.
   *
   * @param positions which
   * @return the mask
   */
  public static Keeps inputs(int... positions) {
    int mask = 0;
    for (int p : positions) {
      mask |= 1 << p;
    }
    return new Keeps(mask, 0);
  }

  /**
   * Whether an input is read.
   *
   * @param i its position
   * @return true if the backward pass reads it
   */
  public boolean input(int i) {
    return (inputs >> i & 1) == 1;
  }

  /**
   * Whether an output is read.
   *
   * @param i its position
   * @return true if the backward pass reads it
   */
  public boolean output(int i) {
    return (outputs >> i & 1) == 1;
  }
}
