package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Tells parameters that their gradient is complete, while the backward pass goes on: it is when the
 * pass, which goes from last to first, has visited the first node that uses the parameter.
 */
final class Completion {
  private final Map<Integer, List<GradientTarget>> firstUses = new HashMap<>();

  Completion(Tape tape) {
    Set<GradientTarget> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < tape.nodes.size(); i++) {
      Node node = tape.nodes.get(i);
      for (Tensor t : node.inputs) {
        used(t == null ? null : tape.leaves.get(t), i, seen);
      }
      for (GradientTarget target : node.leaves.values()) {
        used(target, i, seen);
      }
    }
  }

  private void used(@Nullable GradientTarget target, int node, Set<GradientTarget> seen) {
    if (target != null && seen.add(target)) {
      firstUses.computeIfAbsent(node, i -> new ArrayList<>()).add(target);
    }
  }

  /** Is told of each node after it was visited. */
  void visited(int node) {
    firstUses.getOrDefault(node, List.of()).forEach(GradientTarget::completed);
  }
}
