package io.github.eqvae.op;

import io.github.eqvae.testing.TorchOracle.Function;

/** Takes cases, and what tests must know of their operations. */
interface CaseSink {
  void add(String name, Op op, Function oracle, ErrorBound bound, In... inputs);

  /** These inputs may be bf16, all if none is named; operations not named here refuse it. */
  void activations(Class<? extends Op> op, int... inputs);

  /** The last axis of the first input must have so many channels; other operations take one. */
  void needsChannels(Class<? extends Op> op, int fewest);
}
