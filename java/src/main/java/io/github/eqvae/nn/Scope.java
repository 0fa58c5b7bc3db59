package io.github.eqvae.nn;

import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Shape;

/** Where a module declares its parameters: a prefix of names in a store under construction. */
public final class Scope {
  private final ParameterStore.Builder builder;
  private final String prefix;

  Scope(ParameterStore.Builder builder, String prefix) {
    this.builder = builder;
    this.prefix = prefix;
  }

  /**
   * A part of this scope.
   *
   * @param name its name, which may contain dots
   * @return the scope {@code prefix.name}
   */
  public Scope in(String name) {
    return new Scope(builder, prefix.isEmpty() ? name : prefix + "." + name);
  }

  /**
   * A part of this scope with a number.
   *
   * @param name its name
   * @param index its number
   * @return the scope {@code prefix.name.index}
   */
  public Scope in(String name, int index) {
    return in(name + "." + index);
  }

  /**
   * Declares a learned parameter.
   *
   * @param name its last name
   * @param init how it starts
   * @param extents its shape as PyTorch stores it
   * @return the parameter, usable once the store is built
   */
  public Parameter parameter(String name, Init init, long... extents) {
    return builder.add(
        new Parameter(in(name).prefix, Shape.of(extents), init, Parameter.Kind.LEARNED));
  }

  /**
   * Declares the weight that an operation multiplies with. If the operation {@linkplain
   * Op#readsPackedWeight reads such copies}, the store can keep a packed one ({@link
   * ParameterStore#keepPacked}).
   *
   * @param op what reads the weight
   * @param name its last name
   * @param init how it starts
   * @param extents {@code [O,I,kH,kW]} of a convolution, {@code [O,I]} of a linear layer
   * @return the parameter, usable once the store is built
   */
  public Parameter weight(Op op, String name, Init init, long... extents) {
    Parameter.Kind kind = op.readsPackedWeight() ? Parameter.Kind.PACKABLE : Parameter.Kind.LEARNED;
    return builder.add(new Parameter(in(name).prefix, Shape.of(extents), init, kind));
  }

  /**
   * Declares a buffer: saved with the model, not learned.
   *
   * @param name its last name
   * @param init how it starts
   * @param extents its shape
   * @return the buffer, usable once the store is built
   */
  public Parameter buffer(String name, Init init, long... extents) {
    return builder.add(
        new Parameter(in(name).prefix, Shape.of(extents), init, Parameter.Kind.BUFFER));
  }
}
