package io.github.eqvae.tape;

import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Frees what a part of a network has computed and nothing will read: neither what comes after the
 * part, which sees only its result, nor the backward pass. Results that are {@linkplain Op#isCheap
 * cheap to compute again} are freed, too; the backward pass makes them again where it reads them
 * ({@link Remade}).
 */
final class Unread {
  /** A result that was freed although the backward pass reads it, and how often it does. */
  record Dropped(Node producer, int readers) {}

  private final Tape tape;
  private final List<Node> nodes;
  private final Set<Tensor> stays = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Read as views, or by what may be freed itself: it must stay. */
  private final Set<Tensor> viewed = Collections.newSetFromMap(new IdentityHashMap<>());

  /** How often the backward pass reads a result of an operation. */
  private final Map<Tensor, Integer> readers = new IdentityHashMap<>();

  private Unread(Tape tape, List<Node> nodes) {
    this.tape = tape;
    this.nodes = nodes;
  }

  /**
   * Frees it.
   *
   * @param firstNode the part's first node
   * @param firstOwned its first tensor
   * @param result is read by what follows; null if nothing follows
   */
  static void release(Tape tape, int firstNode, int firstOwned, @Nullable Tensor result) {
    if (tape.keepsAll) {
      return;
    }
    Unread part = new Unread(tape, tape.nodes.subList(firstNode, tape.nodes.size()));
    if (result != null) {
      part.stay(result);
    }
    part.nodes.forEach(part::collect);
    if (tape.device().info().recomputesCheap()) {
      part.drop();
    }
    List<Tensor> own = tape.owned.subList(firstOwned, tape.owned.size());
    List<Tensor> left = new ArrayList<>();
    for (Tensor t : own) {
      if (part.stays.contains(t) || part.readers.containsKey(t) || tape.kept.contains(t)) {
        left.add(t);
      } else {
        tape.release(t);
      }
    }
    own.clear();
    tape.owned.addAll(left);
  }

  private void stay(Tensor t) {
    stays.add(t.root());
    Tape.Statistics s = tape.statistics.get(t);
    if (s != null) {
      stays.add(s.values());
    }
  }

  /** What the backward pass of a node reads. */
  private void collect(Node node) {
    Op op = node.op;
    for (int i = 0; i < node.in.length; i++) {
      Tensor t = node.in[i];
      if (t != null && op == null) {
        stay(t); // the block runs again
      } else if (t != null && op.keeps().input(i)) {
        readers.merge(t.root(), 1, Integer::sum);
        if (t.root() != t || op.isCheap(node.out[0].shape())) {
          viewed.add(t.root());
        }
      }
    }
    for (int i = 0; op != null && i < node.out.length; i++) {
      if (op.keeps().output(i)) {
        stay(node.out[i]);
      }
    }
    for (Tensor t : node.saved) {
      if (t != null) {
        stay(t);
      }
    }
  }

  private void drop() {
    for (Node node : nodes) {
      Tensor t = node.out[0];
      boolean cheap = node.op != null && node.out.length == 1 && node.op.isCheap(t.shape());
      Integer uses = readers.get(t);
      if (cheap && uses != null && !stays.contains(t) && !viewed.contains(t)) {
        readers.remove(t);
        tape.dropped.put(t, new Dropped(node, uses));
      }
    }
  }
}
