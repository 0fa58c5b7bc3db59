package io.github.eqvae.tape;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One backward pass. It visits the nodes from last to first, but only those between a seed and a
 * tensor whose gradient is needed.
 */
final class Backward {
  /**
   * Results of at most this size are not freed before the arena is reset, so that losses can be
   * read after the pass.
   */
  static final long SMALL = 4096;

  private final Tape tape;
  private final TensorArena arena;
  private final Set<Tensor> wrt = Collections.newSetFromMap(new IdentityHashMap<>());
  private final List<Tensor> wrtOrder;
  private final boolean intoTargets;
  private final boolean consume;
  private final IdentityHashMap<Tensor, Slot> slots = new IdentityHashMap<>();
  private final boolean[] depends;
  private final Remade remade;
  private @Nullable Completion completion; // of the pass that reaches all uses of a parameter

  Backward(Tape tape, List<Tensor> wrt, boolean intoTargets, boolean consume) {
    this.tape = tape;
    this.arena = tape.arena();
    this.wrt.addAll(wrt);
    this.wrtOrder = wrt;
    this.intoTargets = intoTargets;
    this.consume = consume;
    this.remade = new Remade(tape);
    this.depends = new boolean[tape.nodes.size()];
    for (int i = 0; i < depends.length; i++) {
      Node node = tape.nodes.get(i);
      for (Tensor t : node.inputs) {
        depends[i] |= t != null && wanted(t);
      }
      for (Map.Entry<Tensor, @Nullable GradientTarget> leaf : node.leaves.entrySet()) {
        depends[i] |= this.wrt.contains(leaf.getKey()) || (intoTargets && leaf.getValue() != null);
      }
    }
  }

  /** Whether the gradient of a node's input is needed. */
  private boolean wanted(Tensor t) {
    if (wrt.contains(t) || (intoTargets && tape.leaves.get(t) != null)) {
      return true;
    }
    Integer producer = tape.producers.get(t);
    return producer != null && depends[producer];
  }

  void propagate(List<Seed> seeds) {
    for (Seed seed : seeds) {
      if (!seed.output().shape().equals(seed.gradient().shape())) {
        throw new EqvaeException.Argument(
            "A seed for " + seed.output() + " has shape " + seed.gradient().shape());
      }
      add(seed.output(), seed.gradient(), new Slot.Storage(null));
    }
    completion = intoTargets ? new Completion(tape) : null;
    walk();
  }

  private void walk() {
    for (int i = depends.length - 1; i >= 0; i--) {
      Node node = tape.nodes.get(i);
      if (node.op == null || node.op.keeps().outputs() == 0) {
        free(node.out); // all that read them have been visited
      }
      if (depends[i] && hasGradient(node)) {
        if (node.op != null) {
          BackwardCall call = new BackwardCall(node, node.op);
          node.op.backward(call);
          call.deliver();
        } else {
          recompute(node);
        }
      }
      finish(node);
      if (completion != null) {
        completion.visited(i);
      }
    }
  }

  /** The gradients of the tensors asked for. */
  Map<Tensor, Tensor> results() {
    Map<Tensor, Tensor> out = new IdentityHashMap<>();
    for (Tensor t : wrtOrder) {
      Slot slot = slots.get(t);
      if (slot == null) {
        Tensor zero = arena.tensor(t.shape(), t.dtype());
        zero.fill(tape.stream(), 0);
        out.put(t, zero);
      } else {
        out.put(t, slot.gradient);
      }
    }
    return out;
  }

  private boolean hasGradient(Node node) {
    for (Tensor t : node.out) {
      if (slots.containsKey(t)) {
        return true;
      }
    }
    return false;
  }

  private void recompute(Node node) {
    Tape inner = new Tape(tape.stream(), arena, Tape.Mode.RECORD);
    Map<Tensor, Tensor> outside = new IdentityHashMap<>(); // keyed by the tensors inside the block
    List<Tensor> targets = new ArrayList<>(wrtOrder);
    Tensor[] inputs = new Tensor[node.inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      Tensor outer = Objects.requireNonNull(node.inputs[i]);
      Tensor x = inner.watch(outer.alias());
      inputs[i] = x;
      outside.put(x, outer);
      Tape.Statistics ofInput = tape.statistics.get(outer);
      if (ofInput != null) {
        inner.annotate(x, ofInput.kind(), ofInput.values());
      }
      targets.removeIf(t -> t == outer);
      if (wanted(outer)) {
        targets.add(x);
      }
    }
    Tensor y = Objects.requireNonNull(node.block).apply(inner, inputs);
    Unread.release(inner, 0, 0, null);
    Backward pass = new Backward(inner, targets, intoTargets, true);
    for (Tensor t : targets) { // the existing gradient comes first in the sum, as when recording
      Slot before = slots.remove(outside.getOrDefault(t, t));
      if (before != null) {
        pass.slots.put(t, before);
      }
    }
    Slot slot = Objects.requireNonNull(slots.get(node.out[0]));
    pass.add(y, slot.gradient, slot.storage); // shared: a view may pass it on without a copy
    forget(node.out); // the block's pass frees it as soon as it has used it
    pass.walk();
    for (Tensor t : targets) {
      Slot after = pass.slots.get(t);
      if (after != null) {
        slots.put(outside.getOrDefault(t, t), after);
      }
    }
    inner.releaseAll();
  }

  /** Adds to the gradient of a tensor; takes a reference on the storage. */
  private void add(Tensor t, Tensor gradient, Slot.Storage storage) {
    Slot slot = slots.get(t);
    if (slot == null) {
      slots.put(t, new Slot(gradient, storage));
      return;
    }
    storage.references++;
    boolean inPlace = slot.storage.tensor != null && slot.storage.references == 1;
    Tensor sum = inPlace ? slot.gradient : arena.tensor(t.shape(), t.dtype());
    tape.stream()
        .launch(Fn.AXPBY, Struct.AXPBY_PARAMS)
        .f32(1)
        .f32(1)
        .run(slot.gradient, gradient, sum);
    if (!inPlace) {
      drop(slot.storage);
      slots.put(t, new Slot(sum, new Slot.Storage(sum)));
    }
    drop(storage);
  }

  private void drop(Slot.Storage storage) {
    if (--storage.references == 0 && storage.tensor != null) {
      arena.release(storage.tensor);
    }
  }

  /**
   * After a node: frees the gradients of its outputs and, when consuming, the tensors that it kept
   * from the forward pass.
   */
  private void finish(Node node) {
    forget(node.out);
    free(node.out);
    if (consume) {
      tape.release(node.saved);
      for (int i = 0; i < node.in.length; i++) {
        if (node.in[i] != node.inputs[i]) {
          tape.release(node.in[i]);
        }
      }
    }
  }

  private void forget(Tensor[] outputs) {
    for (Tensor t : outputs) {
      Slot slot = wrt.contains(t) ? null : slots.remove(t);
      if (slot != null) {
        drop(slot.storage);
      }
      remade.release(t);
    }
  }

  private void free(Tensor[] outputs) {
    for (Tensor t : outputs) {
      if (consume && t.bytes() > SMALL && !wrt.contains(t)) {
        tape.release(t);
      }
    }
  }

  /**
   * A backward call: provides memory for gradients, and afterwards passes on the gradients that
   * were written.
   */
  private final class BackwardCall extends ForwardCall {
    private final @Nullable Tensor[] written;
    private final @Nullable Tensor[] passed;
    private final boolean[] direct;
    private final List<Slot> summed = new ArrayList<>(); // the operation adds these to its own
    private final List<Tensor> temporaries = new ArrayList<>();
    private final Map<Tensor, Tensor> zeros = new IdentityHashMap<>();

    BackwardCall(Node node, Op op) {
      super(Backward.this.tape, node, null);
      written = new Tensor[node.inputs.length];
      passed = new Tensor[node.inputs.length];
      direct = new boolean[node.inputs.length];
      remade.before(node, op);
      for (int i = 0; i < node.out.length; i++) {
        Tensor out = node.out[i];
        // one of several outputs, on which the loss does not depend
        if (!slots.containsKey(out) && out.dtype().isFloating() && op.isDifferentiable(i)) {
          Tensor zero = temporary(out.shape(), out.dtype());
          zero.fill(tape.stream(), 0);
          zeros.put(out, zero);
        }
      }
    }

    @Override
    public Tensor in(int i) {
      return remade.of(super.in(i));
    }

    @Override
    public @Nullable Tensor optional(int i) {
      Tensor t = super.optional(i);
      return t == null ? null : remade.of(t);
    }

    @Override
    public void hasRead(int i) {
      remade.read(super.in(i));
    }

    @Override
    public Tensor dOut(int i) {
      Slot slot = slots.get(node.out[i]);
      return slot != null ? slot.gradient : Objects.requireNonNull(zeros.get(node.out[i]));
    }

    @Override
    public boolean wants(int i) {
      Tensor t = i < node.inputs.length ? node.inputs[i] : null;
      return t != null && wanted(t);
    }

    private @Nullable GradientTarget target(Tensor t) {
      return intoTargets && !wrt.contains(t) ? tape.leaves.get(t) : null;
    }

    @Override
    public @Nullable Tensor dIn(int i) {
      if (!wants(i)) {
        return null;
      }
      Tensor t = Objects.requireNonNull(node.inputs[i]);
      Tensor existing = written[i];
      if (existing != null) {
        return existing;
      }
      GradientTarget target = target(t);
      direct[i] = target != null && target.isFresh() && !claimed(t);
      Tensor out =
          direct[i] && target != null ? target.gradient() : arena.tensor(t.shape(), t.dtype());
      written[i] = out;
      return out;
    }

    /** Whether an earlier input of this call is the same parameter and writes to it directly. */
    private boolean claimed(Tensor t) {
      for (int j = 0; j < direct.length; j++) {
        if (direct[j] && node.inputs[j] == t) {
          return true;
        }
      }
      return false;
    }

    @Override
    public @Nullable Tensor gradientSoFar(int i) {
      Tensor t = wants(i) ? node.inputs[i] : null;
      Slot slot = t == null || target(t) != null ? null : slots.remove(t);
      if (slot == null) {
        return null;
      }
      summed.add(slot);
      return slot.gradient;
    }

    @Override
    public void pass(int i, Tensor gradient) {
      passed[i] = gradient;
    }

    @Override
    public Tensor temporary(Shape shape, DType dtype) {
      Tensor t = arena.tensor(shape, dtype);
      temporaries.add(t);
      return t;
    }

    void deliver() {
      for (int i = 0; i < written.length; i++) {
        Tensor t = node.inputs[i];
        Tensor w = written[i];
        Tensor p = passed[i];
        if (t == null || (w == null && p == null) || !wants(i)) {
          continue;
        }
        GradientTarget target = target(t);
        if (target != null) {
          toTarget(target, w != null ? w : Objects.requireNonNull(p), direct[i]);
          if (w != null && !direct[i]) {
            arena.release(w);
          }
        } else if (w != null) {
          add(t, w, new Slot.Storage(w));
        } else {
          add(t, Objects.requireNonNull(p), storageOf(p));
        }
      }
      summed.forEach(slot -> drop(slot.storage));
      temporaries.forEach(arena::release);
    }

    private void toTarget(GradientTarget target, Tensor gradient, boolean inPlace) {
      if (!inPlace) {
        if (target.isFresh()) {
          gradient.copyTo(tape.stream(), target.gradient());
        } else {
          tape.stream()
              .launch(Fn.AXPBY, Struct.AXPBY_PARAMS)
              .f32(1)
              .f32(1)
              .run(target.gradient(), gradient, target.gradient());
        }
      }
      target.markWritten();
    }

    /** The storage a passed-on gradient lives in: that of the output gradient it is a view of. */
    private Slot.Storage storageOf(Tensor gradient) {
      for (Tensor out : node.out) {
        Slot slot = slots.get(out);
        if (slot != null && slot.gradient.root() == gradient.root()) {
          return slot.storage;
        }
      }
      if (temporaries.remove(gradient.root())) {
        return new Slot.Storage(gradient.root());
      }
      throw new EqvaeException.Internal(
          node.op + " passed on a gradient that is neither an output's nor temporary");
    }
  }
}
