package io.github.eqvae.ranks;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Moves bytes between ranks. Used by one thread at a time, but for {@link #abort}. */
interface MessageTransport extends AutoCloseable {
  int rank();

  int size();

  /**
   * Sends to other ranks and receives from them; all ranks call it with lengths that fit.
   *
   * @param out what each rank gets, by rank; null for nothing
   * @param in receives what each rank sends, by rank; null for nothing
   */
  void exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in);

  /** Ends the run of all ranks; the others say why. */
  void abort(String reason);

  /**
   * Is told once that another rank is gone, by any thread, even if no exchange waits for it.
   *
   * @param action gets a sentence that names the rank
   */
  default void onLoss(java.util.function.Consumer<String> action) {}

  /** Why the run has ended, if another rank is gone and this transport hears of it in time. */
  default Optional<String> lost(long millis) {
    return Optional.empty();
  }

  @Override
  void close();
}
