package io.github.eqvae.tape;

import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a tape has recorded, for tests that follow a computation from operation to operation. */
public final class Recorded {
  private Recorded() {}

  /**
   * One operation.
   *
   * @param op the operation
   * @param inputs as it saw them, contiguous; null where an optional one was left out
   * @param outputs its results
   */
  public record Call(Op op, List<@Nullable Tensor> inputs, List<Tensor> outputs) {}

  /** From now on the tape frees no results before the backward pass. */
  public static Tape keeping(Tape tape) {
    tape.keepsAll = true;
    return tape;
  }

  /** The operations in the order they ran, of a tape that keeps all results. */
  public static List<Call> of(Tape tape) {
    List<Call> calls = new ArrayList<>();
    for (Node node : tape.nodes) {
      if (node.op == null) {
        throw new IllegalArgumentException("a tape that recomputes has not kept its results");
      }
      List<@Nullable Tensor> inputs = Collections.unmodifiableList(Arrays.asList(node.in));
      calls.add(new Call(node.op, inputs, List.of(node.out)));
    }
    return calls;
  }
}
