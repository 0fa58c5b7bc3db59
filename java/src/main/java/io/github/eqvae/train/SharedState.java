package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** The state that all ranks of a run have: they begin with the same, and it stays the same. */
final class SharedState {
  private static final int HASHED_AT_ONCE = 1 << 24;

  private final TrainState state;
  private final Communicator ranks;
  private final Stream stream;

  SharedState(TrainState state, Communicator ranks, Stream stream) {
    this.state = state;
    this.ranks = ranks;
    this.stream = stream;
  }

  /** Gives all ranks the state of the first one. */
  void broadcast() {
    if (ranks.isAlone()) {
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      for (Tensor tensor : state.tensors().values()) {
        MemorySegment host = arena.allocate(tensor.bytes(), 64);
        if (ranks.isFirst()) {
          tensor.copyTo(stream, host);
          stream.sync();
        }
        ranks.broadcast(host);
        if (!ranks.isFirst()) {
          tensor.copyFrom(stream, host);
          stream.sync();
        }
      }
      MemorySegment counts = arena.allocateFrom(ValueLayout.JAVA_LONG, state.counts());
      ranks.broadcast(counts);
      state.setCounts(counts.toArray(ValueLayout.JAVA_LONG));
    }
    state.repack();
  }

  /**
   * Fails if the ranks' weights are no longer the same: then a processor computed something else
   * from equal numbers.
   */
  void requireSame() {
    if (ranks.isAlone()) {
      return;
    }
    StringBuilder mine = new StringBuilder();
    state
        .tensors()
        .forEach((name, tensor) -> mine.append(name.endsWith(".weights") ? hash(tensor) : ""));
    List<String> all = ranks.allGather(mine.toString());
    for (int r = 1; r < all.size(); r++) {
      if (!all.get(r).equals(all.getFirst())) {
        throw new EqvaeException.Environment(
            "after step "
                + state.step
                + " rank "
                + r
                + " has other weights than rank 0, although both made the same updates. Are their"
                + " processors of different kinds? Nothing of this step was saved.");
      }
    }
  }

  private String hash(Tensor tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.bytes(), 64);
      tensor.copyTo(stream, host);
      stream.sync();
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (long at = 0; at < host.byteSize(); at += HASHED_AT_ONCE) {
        long n = Math.min(HASHED_AT_ONCE, host.byteSize() - at);
        digest.update(host.asSlice(at, n).asByteBuffer());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("every JDK has SHA-256", e);
    }
  }

  /**
   * What is different from the run that the state was saved by.
   *
   * @param accumulate micro-batches of each rank in a step
   * @return a sentence; empty if each step is as before, or nothing was saved
   */
  Optional<String> changed(int accumulate) {
    long before = state.batchesBefore();
    long now = (long) ranks.size() * accumulate;
    if (state.ranksBefore() == 0 || (ranks.size() == state.ranksBefore() && now == before)) {
      return Optional.empty();
    }
    String text =
        "trained by " + count(state.ranksBefore()) + " before, now by " + count(ranks.size());
    if (now == before) {
      return Optional.of(text + "; each step has the same samples, and the same bits");
    }
    text += ": a step has " + now + " batches of run.batch_size, before " + before;
    return Optional.of(
        before % ranks.size() == 0
            ? text + ". --set optimizer.accumulate=" + before / ranks.size() + " keeps it as it was"
            : text);
  }

  private static String count(long ranks) {
    return ranks == 1 ? "1 rank" : ranks + " ranks";
  }
}
