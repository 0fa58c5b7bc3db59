package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.MpiLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Ranks that MPI connects. Only messages from one rank to another are used, no collective operation
 * of MPI: sums are our own. When a rank dies, the launcher ends the others.
 */
final class MpiTransport implements MessageTransport {
  private static final int FAILED = 1;

  private final MpiLibrary mpi;
  private final int rank;
  private final int size;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] lists = new MemorySegment[4];
  private boolean closed;

  private MpiTransport(MpiLibrary mpi, int rank, int size) {
    this.mpi = mpi;
    this.rank = rank;
    this.size = size;
    for (int i = 0; i < lists.length; i++) {
      lists[i] = arena.allocate(ValueLayout.JAVA_LONG, size);
    }
  }

  /** Begins MPI; without its library the message says what else there is. */
  static MpiTransport start(RankEnvironment environment, Optional<MpiLibrary> library) {
    MpiLibrary mpi =
        library.orElseThrow(
            () ->
                new EqvaeException.Environment(
                    environment.launcher()
                        + " started "
                        + environment.size()
                        + " processes, and this build of eqvae has no libeqv_mpi.so, because"
                        + " there was no mpi.h. Install libopenmpi-dev and build again (in a"
                        + " clone: touch CMakeLists.txt, and the next start builds); or set"
                        + " MASTER_ADDR to the machine of rank 0 and "
                        + RankEnvironment.TOKEN
                        + " to a word that the ranks share: then they meet over TCP."));
    int[] who = mpi.begin();
    if (who[0] != environment.rank() || who[1] != environment.size()) {
      throw new EqvaeException.Environment(
          environment.launcher()
              + " says that this is rank "
              + environment.rank()
              + " of "
              + environment.size()
              + ", "
              + mpi.version()
              + " says "
              + who[0]
              + " of "
              + who[1]
              + ": libeqv_mpi.so was built for another MPI than this launcher's");
    }
    return new MpiTransport(mpi, who[0], who[1]);
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public void exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in) {
    list(out, lists[0], lists[1]);
    list(in, lists[2], lists[3]);
    mpi.exchange(size, lists[0], lists[1], lists[2], lists[3]);
  }

  private void list(@Nullable MemorySegment[] all, MemorySegment addresses, MemorySegment bytes) {
    for (int r = 0; r < size; r++) {
      MemorySegment one = all[r];
      addresses.setAtIndex(ValueLayout.JAVA_LONG, r, one == null ? 0 : one.address());
      bytes.setAtIndex(ValueLayout.JAVA_LONG, r, one == null ? -1 : one.byteSize());
    }
  }

  /** The process ends here: what is to be said of it must have been said. */
  @Override
  public void abort(String reason) {
    System.err.println("eqvae: rank " + rank + " ended: " + reason);
    System.err.flush();
    mpi.abort(FAILED);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      mpi.end();
      arena.close();
    }
  }
}
