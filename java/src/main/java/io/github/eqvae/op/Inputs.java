package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Shape;
import org.jspecify.annotations.Nullable;

/** Shapes and dtypes of an operation's inputs, with the checks that all shape rules need. */
public final class Inputs {
  private final Op op;
  private final @Nullable Spec[] specs;

  /**
   * Wraps the specs of one call.
   *
   * @param op named in messages
   * @param specs one per input, null where an optional one is absent
   */
  public Inputs(Op op, @Nullable Spec... specs) {
    this.op = op;
    this.specs = specs;
  }

  /**
   * How many inputs there are.
   *
   * @return absent optional ones included
   */
  public int count() {
    return specs.length;
  }

  /**
   * Whether an optional input is there.
   *
   * @param i its position
   * @return true if present
   */
  public boolean has(int i) {
    return i < specs.length && specs[i] != null;
  }

  /**
   * An input.
   *
   * @param i its position
   * @return its spec
   */
  public Spec get(int i) {
    Spec spec = i < specs.length ? specs[i] : null;
    if (spec == null) {
      throw new EqvaeException.Argument(op.name() + ": input " + i + " is missing");
    }
    return spec;
  }

  /**
   * The shape of an input.
   *
   * @param i its position
   * @return its shape
   */
  public Shape shape(int i) {
    return get(i).shape();
  }

  /**
   * The shape of an input of known rank.
   *
   * @param i its position
   * @param name its name in messages
   * @param rank the rank it must have
   * @return its shape
   */
  public Shape shape(int i, String name, int rank) {
    Shape s = shape(i);
    require(s.rank() == rank, name + " has shape " + s + ", expected rank " + rank);
    return s;
  }

  /**
   * Fails unless an input has this shape.
   *
   * @param i its position
   * @param name its name in messages
   * @param expected what it must be
   */
  public void expect(int i, String name, Shape expected) {
    require(shape(i).equals(expected), name + " has shape " + shape(i) + ", expected " + expected);
  }

  /**
   * Fails with a message that names the operation.
   *
   * @param condition what must hold
   * @param otherwise the message when it does not: actual, expected, what to do
   */
  public void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new EqvaeException.Argument(op.name() + ": " + otherwise);
    }
  }
}
