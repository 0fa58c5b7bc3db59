package io.github.eqvae.jobs;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.ranks.Communicator;
import java.io.IOException;
import java.util.Optional;

/**
 * Which shards each rank encodes, and how the first one, which writes the index, learns of the
 * others'. Shard k is rank k mod R's; after R shards the ranks exchange what they made.
 */
final class SharedShards {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Communicator ranks;
  private Optional<LatentIndex.Entry> made = Optional.empty();

  SharedShards(Communicator ranks) {
    this.ranks = ranks;
  }

  /** Whether this rank writes the index. */
  boolean writesIndex() {
    return ranks.isFirst();
  }

  boolean isMine(int shard) {
    return shard % ranks.size() == ranks.rank();
  }

  /** Whether two shards are of different rounds. */
  boolean endsRound(int before, int next) {
    return before / ranks.size() != next / ranks.size();
  }

  /** Keeps what this rank made in a round; the first one adds it to the index. */
  void made(LatentIndex index, LatentIndex.Entry entry) throws IOException {
    if (ranks.isFirst()) {
      index.add(entry);
    } else {
      made = Optional.of(entry);
    }
  }

  /** The end of a round. All ranks call it. */
  void exchange(LatentIndex index) throws IOException {
    if (ranks.isAlone()) {
      return;
    }
    String mine = made.isPresent() ? JSON.writeValueAsString(made.get()) : "";
    made = Optional.empty();
    for (String text : ranks.allGather(mine)) {
      if (ranks.isFirst() && !text.isEmpty()) {
        index.add(JSON.readValue(text, LatentIndex.Entry.class));
      }
    }
  }

  void barrier() {
    if (!ranks.isAlone()) {
      ranks.barrier();
    }
  }
}
