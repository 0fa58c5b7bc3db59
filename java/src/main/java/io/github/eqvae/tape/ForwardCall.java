package io.github.eqvae.tape;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.OpCall;
import io.github.eqvae.op.Spec;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The tensors of a forward call; a backward call adds the gradients. */
class ForwardCall implements OpCall {
  final Tape tape;
  final Node node;
  private final List<Tensor> temporaries = new ArrayList<>();

  /** Null: the operation is recorded, and all that it saves is allocated. */
  private final @Nullable List<Spec> onDemand;

  ForwardCall(Tape tape, Node node, @Nullable List<Spec> onDemand) {
    this.tape = tape;
    this.node = node;
    this.onDemand = onDemand;
  }

  @Override
  public Stream stream() {
    return tape.stream();
  }

  @Override
  public Tensor in(int i) {
    Tensor t = node.in[i];
    if (t == null) {
      throw new EqvaeException.Internal("input " + i + " of " + node.op + " is absent");
    }
    return t;
  }

  @Override
  public @Nullable Tensor optional(int i) {
    return i < node.in.length ? node.in[i] : null;
  }

  @Override
  public Tensor out(int i) {
    return node.out[i];
  }

  @Override
  public Tensor saved(int i) {
    Tensor t = node.saved[i];
    if (t == null) {
      t = tape.allocate(List.of(Objects.requireNonNull(onDemand).get(i)))[0];
      node.saved[i] = t;
    }
    return t;
  }

  @Override
  public boolean isRecorded() {
    return onDemand == null;
  }

  @Override
  public void hasRead(int i) {
    throw forwardOnly();
  }

  @Override
  public Tensor dOut(int i) {
    throw forwardOnly();
  }

  @Override
  public boolean wants(int i) {
    throw forwardOnly();
  }

  @Override
  public @Nullable Tensor dIn(int i) {
    throw forwardOnly();
  }

  @Override
  public @Nullable Tensor gradientSoFar(int i) {
    throw forwardOnly();
  }

  @Override
  public void pass(int i, Tensor gradient) {
    throw forwardOnly();
  }

  @Override
  public Tensor temporary(Shape shape, DType dtype) {
    Tensor t = tape.arena().tensor(shape, dtype);
    temporaries.add(t);
    return t;
  }

  /** After the call. */
  void releaseTemporaries() {
    temporaries.forEach(t -> t.arena().release(t));
    temporaries.clear();
  }

  private static EqvaeException forwardOnly() {
    return new EqvaeException.Internal("a forward pass has no gradients");
  }
}
