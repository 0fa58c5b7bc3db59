package io.github.eqvae.ranks;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** One rank, which has nobody to send to. */
final class LoneTransport implements MessageTransport {
  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int size() {
    return 1;
  }

  @Override
  public void exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in) {
    // There is nobody to send to.
  }

  @Override
  public void abort(String reason) {
    // There is nobody to tell.
  }

  @Override
  public void close() {
    // It holds nothing.
  }
}
