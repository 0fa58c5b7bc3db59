package io.github.eqvae.train;

import io.github.eqvae.ranks.Communicator;
import java.util.List;

/**
 * The micro-batch that made a step skip its update, wherever it was computed.
 *
 * @param at its position
 * @param batch its samples
 */
record NonFiniteMicroBatch(MicroBatch at, HostBatch batch) {
  /**
   * Finds the first one among those that the ranks computed at the same time; all ranks call it.
   *
   * @param at this rank's
   * @param batch its samples
   * @param own whether something of it is not finite
   * @param ranks who takes part
   * @return the same in all ranks; this rank's if nobody knows which it was
   */
  static NonFiniteMicroBatch first(
      MicroBatch at, HostBatch batch, boolean own, Communicator ranks) {
    if (ranks.isAlone()) {
      return new NonFiniteMicroBatch(at, batch.copy());
    }
    List<String> all = ranks.allGather(own ? "here" : "");
    int rank = Math.max(0, all.indexOf("here"));
    byte[] nothing = {};
    byte[] bytes = ranks.allGather(rank == ranks.rank() ? batch.bytes() : nothing).get(rank);
    HostBatch its = batch.copy();
    its.setBytes(bytes);
    long index = at.index() - ranks.rank() + rank;
    return new NonFiniteMicroBatch(new MicroBatch(at.step(), index, at.first(), at.last()), its);
  }
}
