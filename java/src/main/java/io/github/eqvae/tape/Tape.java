package io.github.eqvae.tape;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.op.Inference;
import io.github.eqvae.op.Inputs;
import io.github.eqvae.op.Op;
import io.github.eqvae.op.Spec;
import io.github.eqvae.op.ViewOp;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Runs operations and, when recording, remembers them for reverse-mode differentiation: the
 * counterpart of PyTorch's autograd. A tape lives for one step; its tensors are in the step arena.
 * There is no hidden global tape.
 */
public final class Tape {
  /** What a tape does with the operations it runs. */
  public enum Mode {
    /** Remember nothing: memory is freed at the end of each {@link Tape#block}. */
    INFERENCE,
    /** Remember everything that the backward pass reads. */
    RECORD,
    /**
     * Remember only the inputs of each {@link Tape#block} and run it again in the backward pass:
     * less memory.
     */
    RECOMPUTE
  }

  /** Statistics of a tensor, and of which kind. */
  record Statistics(GroupStatistics kind, Tensor values) {}

  private final Stream stream;
  private final TensorArena arena;
  private final Mode mode;
  private final boolean learns;
  boolean keepsAll; // for tests that look at intermediate results
  final List<Node> nodes = new ArrayList<>();
  final IdentityHashMap<Tensor, Integer> producers = new IdentityHashMap<>();
  final IdentityHashMap<Tensor, @Nullable GradientTarget> leaves = new IdentityHashMap<>();
  final IdentityHashMap<Tensor, Statistics> statistics = new IdentityHashMap<>();
  final Set<Tensor> kept = Collections.newSetFromMap(new IdentityHashMap<>());
  final List<Tensor> owned = new ArrayList<>();
  final IdentityHashMap<Tensor, Unread.Dropped> dropped = new IdentityHashMap<>();

  /**
   * A new tape.
   *
   * @param stream where the work goes
   * @param arena the step arena, in which all results are allocated
   * @param mode whether to record
   */
  public Tape(Stream stream, TensorArena arena, Mode mode) {
    this(stream, arena, mode, mode != Mode.INFERENCE);
  }

  Tape(Stream stream, TensorArena arena, Mode mode, boolean learns) {
    this.stream = stream;
    this.arena = arena;
    this.mode = mode;
    this.learns = learns;
  }

  /**
   * The stream.
   *
   * @return where the work goes
   */
  public Stream stream() {
    return stream;
  }

  /**
   * The arena.
   *
   * @return where results live
   */
  public TensorArena arena() {
    return arena;
  }

  /**
   * The device.
   *
   * @return where the work runs
   */
  public Device device() {
    return arena.device();
  }

  Mode mode() {
    return mode;
  }

  /**
   * Whether gradients can be computed.
   *
   * @return false in inference mode
   */
  public boolean isRecording() {
    return mode != Mode.INFERENCE;
  }

  /**
   * Whether the parameters used here get gradients: also true inside a block that the backward pass
   * will run again, where nothing else is recorded.
   *
   * @return false in inference mode
   */
  public boolean isLearning() {
    return learns;
  }

  /**
   * Makes a tensor a leaf: gradients with respect to it can be computed.
   *
   * @param leaf the tensor
   * @return the same tensor
   */
  public Tensor watch(Tensor leaf) {
    leaves.putIfAbsent(leaf, null);
    return leaf;
  }

  /**
   * Makes a parameter a leaf, whose gradient {@link #backward} writes to its target.
   *
   * @param target the parameter
   * @return its value
   */
  public Tensor watch(GradientTarget target) {
    leaves.put(target.value(), target);
    return target.value();
  }

  /**
   * Protects a tensor from being freed by {@link #backward} or at the end of a block.
   *
   * @param tensor a tensor of this tape
   * @return the same tensor
   */
  public Tensor keep(Tensor tensor) {
    kept.add(tensor.root());
    return tensor;
  }

  /**
   * The value without its history: no gradient flows through the result. PyTorch: {@code
   * x.detach()}.
   *
   * @param x a tensor
   * @return a view of it that is a constant for this tape
   */
  public Tensor detach(Tensor x) {
    return keep(x).alias();
  }

  /**
   * Registers the statistics of a tensor. They accompany the tensor into and out of a {@link
   * #block}, also when it is run again.
   *
   * @param x a tensor of this tape
   * @param kind which statistics
   * @param values the statistics
   */
  public void annotate(Tensor x, GroupStatistics kind, Tensor values) {
    statistics.put(x, new Statistics(kind, values));
  }

  /**
   * The statistics of a tensor, if they were registered.
   *
   * @param x a tensor of this tape
   * @param kind which statistics
   * @return null when they are not known
   */
  public @Nullable Tensor statistics(Tensor x, GroupStatistics kind) {
    Statistics known = statistics.get(x);
    return known != null && known.kind().equals(kind) ? known.values() : null;
  }

  /**
   * Runs an operation with one output.
   *
   * @param op the operation
   * @param inputs its inputs; null where an optional one is left out
   * @return the output
   */
  public Tensor apply(Op op, @Nullable Tensor... inputs) {
    return run(op, inputs).getFirst();
  }

  /**
   * Runs an operation.
   *
   * @param op the operation
   * @param inputs its inputs; null where an optional one is left out
   * @return the outputs
   */
  public List<Tensor> run(Op op, @Nullable Tensor... inputs) {
    @Nullable Spec[] specs = new Spec[inputs.length];
    boolean record = false;
    for (int i = 0; i < inputs.length; i++) {
      Tensor t = inputs[i];
      if (t != null) {
        specs[i] = new Spec(t.shape(), t.dtype());
        record |= isRecording() && requiresGradient(t);
      }
    }
    Inference inference = op.infer(new Inputs(op, specs));
    if (op instanceof ViewOp view) {
      return List.of(ViewRun.of(this, view, inputs, record));
    }
    Node node = new Node(op, inputs.clone());
    for (int i = 0; i < inputs.length; i++) {
      Tensor t = inputs[i];
      if (t != null && !t.isContiguous()) {
        node.in[i] = dense(t);
      }
    }
    node.out = allocate(inference.outputs());
    node.saved =
        record ? allocate(inference.saved()) : new @Nullable Tensor[inference.saved().size()];
    ForwardCall call = new ForwardCall(this, node, record ? null : inference.saved());
    op.forward(call);
    call.releaseTemporaries();
    for (int i = 0; i < inputs.length; i++) {
      boolean copied = node.in[i] != inputs[i];
      if (copied && !(record && op.keeps().input(i))) {
        release(node.in[i]);
      }
    }
    if (record) {
      add(node);
    } else {
      release(node.saved);
    }
    return List.of(node.out);
  }

  void add(Node node) {
    for (Tensor t : node.out) {
      producers.put(t, nodes.size());
    }
    nodes.add(node);
  }

  /**
   * Runs a block of a network. In inference mode its intermediate results are freed at its end.
   * When recomputing, they are freed, too, and computed again in the backward pass. Otherwise the
   * block is simply run.
   *
   * @param block a pure function of {@code x}, its statistics and parameters; it must not use other
   *     tensors of this tape
   * @param x its input
   * @return its output
   */
  public Tensor block(Block block, Tensor x) {
    return BlockRun.of(this, (tape, in) -> block.apply(tape, in[0]), x);
  }

  /**
   * The same for a block that is conditioned on another tensor of this tape, which gets a gradient,
   * too.
   *
   * @param block a pure function of {@code x}, of {@code condition} and of parameters
   * @param x its input
   * @param condition what it is conditioned on
   * @return its output
   */
  public Tensor block(ConditionedBlock block, Tensor x, Tensor condition) {
    return BlockRun.of(this, (tape, in) -> block.apply(tape, in[0], in[1]), x, condition);
  }

  /**
   * Runs a part of a network and then frees what it has computed, except for its result and for
   * what the backward pass reads. Nothing else changes: what a part records, the tape records.
   *
   * @param part a function of {@code x}; what follows must use no other tensors of it
   * @param x its input
   * @return its output
   */
  public Tensor part(Block part, Tensor x) {
    return BlockRun.on(this, (tape, in) -> part.apply(tape, in[0]), x);
  }

  /**
   * Frees every result of this tape that is not kept; for a tape in inference mode when its work is
   * done.
   */
  public void releaseAll() {
    owned.forEach(this::release);
    owned.clear();
  }

  boolean requiresGradient(Tensor t) {
    return leaves.containsKey(t) || producers.containsKey(t);
  }

  Tensor[] allocate(List<Spec> specs) {
    Tensor[] out = new Tensor[specs.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = arena.tensor(specs.get(i).shape(), specs.get(i).dtype());
      owned.add(out[i]);
    }
    return out;
  }

  Tensor dense(Tensor t) {
    Tensor copy = arena.tensor(t.shape(), t.dtype());
    owned.add(copy);
    t.copyTo(stream, copy);
    return copy;
  }

  void release(@Nullable Tensor... tensors) {
    for (Tensor t : tensors) {
      if (t != null && t.root() == t && !t.isReleased() && !kept.contains(t)) {
        arena.release(t);
      }
    }
  }

  /**
   * Gradients with respect to chosen tensors, leaves or intermediate results. The tape stays
   * usable.
   *
   * @param seeds where to start
   * @param wrt with respect to what
   * @return the gradients, in this tape's arena; zeros for tensors on which the seeds do not depend
   */
  public Map<Tensor, Tensor> gradients(List<Seed> seeds, List<Tensor> wrt) {
    for (Tensor t : wrt) {
      if (!requiresGradient(t)) {
        throw new EqvaeException.Argument(
            "gradients: " + t + " is neither watched nor computed on this tape");
      }
    }
    Backward backward = new Backward(this, wrt, false, false);
    backward.propagate(seeds);
    return backward.results();
  }

  /**
   * Writes the gradients of all watched parameters to their targets and frees the tensors that the
   * tape kept. Afterwards the tape cannot be used for gradients.
   *
   * @param seeds where to start
   */
  public void backward(List<Seed> seeds) {
    last(seeds, List.of(), true);
  }

  /**
   * Gradients with respect to chosen tensors. All that the tape has computed is freed, except for
   * losses. Afterwards the tape cannot be used for gradients.
   *
   * @param seeds where to start
   * @param wrt with respect to what, leaves of this tape
   * @return the gradients, in this tape's arena; zeros for tensors on which the seeds do not depend
   */
  public Map<Tensor, Tensor> lastGradients(List<Seed> seeds, List<Tensor> wrt) {
    Map<Tensor, Tensor> gradients = last(seeds, wrt, false);
    owned.stream().filter(t -> t.bytes() > Backward.SMALL).forEach(this::release);
    return gradients;
  }

  private Map<Tensor, Tensor> last(List<Seed> seeds, List<Tensor> wrt, boolean intoTargets) {
    Backward backward = new Backward(this, wrt, intoTargets, true);
    backward.propagate(seeds);
    nodes.clear();
    producers.clear();
    return backward.results();
  }

  /**
   * A scalar seed.
   *
   * @param loss a tensor with one element
   * @param weight its weight in the sum that is differentiated
   * @return the seed
   */
  public Seed seed(Tensor loss, double weight) {
    Tensor one = arena.tensor(loss.shape(), loss.dtype());
    owned.add(one);
    one.fill(stream, weight);
    return new Seed(loss, one);
  }
}
