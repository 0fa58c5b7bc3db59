package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Runs a block of a network in the mode of its tape: {@link Tape#block}. */
final class BlockRun {
  private BlockRun() {}

  static Tensor of(Tape tape, Node.Blocks block, Tensor... inputs) {
    if (tape.mode() == Tape.Mode.RECORD) {
      return on(tape, block, inputs);
    }
    Tape inner = new Tape(tape.stream(), tape.arena(), Tape.Mode.INFERENCE, tape.isLearning());
    boolean record = false;
    boolean unchanged = false;
    for (Tensor x : inputs) {
      Tape.Statistics ofInput = tape.statistics.get(x);
      if (ofInput != null) {
        inner.statistics.put(x, ofInput);
      }
      record |= tape.requiresGradient(x);
    }
    Tensor y;
    try {
      y = block.apply(inner, inputs);
    } catch (RuntimeException | Error e) {
      tape.owned.addAll(inner.owned); // what the block has computed is freed with the rest
      throw e;
    }
    for (Tensor x : inputs) {
      unchanged |= y == x;
    }
    Tape.Statistics ofOutput = inner.statistics.get(y);
    releaseAllBut(inner, y, ofOutput);
    tape.leaves.putAll(
        inner.leaves); // also for an enclosing block, which must know the parameters it depends on
    if (unchanged) {
      return y; // nothing was computed, so there is nothing to differentiate
    }
    if (y.root() == y) {
      tape.owned.add(y);
    }
    if (ofOutput != null) {
      tape.owned.add(ofOutput.values());
      tape.statistics.put(y, ofOutput);
    }
    if (tape.mode() == Tape.Mode.RECOMPUTE) {
      Node node = new Node(block, inputs);
      node.out = ofOutput == null ? new Tensor[] {y} : new Tensor[] {y, ofOutput.values()};
      node.leaves = inner.leaves;
      if (!inner.leaves.isEmpty() || record) {
        tape.add(node);
      }
    }
    return y;
  }

  /** Runs it on the tape itself, which records it if it records anything. */
  static Tensor on(Tape tape, Node.Blocks block, Tensor... inputs) {
    int node = tape.nodes.size();
    int tensor = tape.owned.size();
    Tensor y = block.apply(tape, inputs);
    Unread.release(tape, node, tensor, y);
    return y;
  }

  private static void releaseAllBut(Tape tape, Tensor result, Tape.@Nullable Statistics ofResult) {
    for (Tensor t : tape.owned) {
      boolean stays = t == result.root() || (ofResult != null && t == ofResult.values());
      if (!stays && !tape.kept.contains(t) && !t.isReleased()) {
        tape.arena().release(t);
      }
    }
    tape.owned.clear();
  }
}
