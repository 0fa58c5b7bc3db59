package io.github.eqvae.tape;

import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Tensor;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Objects;

/** Results that were freed in the forward pass ({@link Unread}), made again by a backward pass. */
final class Remade {
  private final Tape tape;
  private final Map<Tensor, Tensor> made = new IdentityHashMap<>();

  Remade(Tape tape) {
    this.tape = tape;
  }

  /** Makes what a node's backward call will read; within the call it is too late to launch it. */
  void before(Node node, Op op) {
    for (int i = 0; i < node.in.length; i++) {
      Tensor t = node.in[i];
      Unread.Dropped dropped = op.keeps().input(i) ? tape.dropped.get(t) : null;
      if (t != null && dropped != null) {
        made.computeIfAbsent(t, x -> again(dropped.producer(), x));
      }
    }
  }

  /** The tensor itself, or the same values again. */
  Tensor of(Tensor t) {
    return made.getOrDefault(t, t);
  }

  private Tensor again(Node producer, Tensor t) {
    Node node = new Node(Objects.requireNonNull(producer.op), producer.in);
    node.out = new Tensor[] {tape.arena().tensor(t.shape(), t.dtype())};
    node.saved = producer.saved;
    ForwardCall call = new ForwardCall(tape, node, null);
    producer.op.again(call);
    call.releaseTemporaries();
    return node.out[0];
  }

  /** One reader needs it no more; another one may. */
  void read(Tensor t) {
    Unread.Dropped dropped = tape.dropped.get(t);
    if (dropped != null && dropped.readers() == 1) {
      release(t);
    }
  }

  /** Nothing reads it any more in this pass. */
  void release(Tensor t) {
    Tensor again = made.remove(t);
    if (again != null) {
      tape.arena().release(again);
    }
  }
}
