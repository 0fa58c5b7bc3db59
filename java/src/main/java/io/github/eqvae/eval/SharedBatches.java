package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.ranks.Agreement;
import io.github.eqvae.ranks.Communicator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * Batches that ranks compute in turn: batch k is rank k mod R's. All ranks read all images. The
 * first rank gets the results in the order of the batches, so sums over them have the bits of one
 * rank. It keeps each result in a folder until all is done, so that a command that was killed goes
 * on; a result is found again by the hash of what it was computed from.
 */
public final class SharedBatches {
  /** One process that keeps nothing. */
  public static final SharedBatches ALONE =
      new SharedBatches(Communicator.alone(), Optional.empty());

  /** A batch of images. */
  interface Batch {
    /** Its images, and whatever else its results depend on beside {@link #begin}. */
    byte[] identity();

    /** Its results: arrays of numbers, as {@link PackedArrays} has them. */
    Object[] compute();
  }

  /** A batch of two functions. */
  static Batch batch(Supplier<byte[]> identity, Supplier<Object[]> compute) {
    return new Batch() {
      @Override
      public byte[] identity() {
        return identity.get();
      }

      @Override
      public Object[] compute() {
        return compute.get();
      }
    };
  }

  private final Communicator ranks;
  private Optional<Path> store;
  private String key = "";
  private long done; // batches

  /**
   * Batches of several processes, or of one that goes on with what several began.
   *
   * @param ranks who computes
   * @param store a folder for results until all is done; used if there are several ranks, or if it
   *     exists because they were killed; empty to keep nothing
   */
  public SharedBatches(Communicator ranks, Optional<Path> store) {
    this.ranks = ranks;
    this.store = store.filter(folder -> !ranks.isAlone() || Files.isDirectory(folder));
  }

  /**
   * How many batches are given at once.
   *
   * @return the number of ranks
   */
  int round() {
    return ranks.size();
  }

  /**
   * Whether this rank gets the results.
   *
   * @return true for the first one
   */
  public boolean isFirst() {
    return ranks.isFirst();
  }

  /** Whether {@link #begin} has an effect: its texts may take long to find. */
  boolean isShared() {
    return !ranks.isAlone() || store.isPresent();
  }

  /**
   * Begins with a set of batches.
   *
   * @param settings all that results depend on beside the images, by name; the same in all ranks
   * @throws EqvaeException.Argument in all ranks if they differ
   */
  void begin(Map<String, String> settings) {
    Agreement.require(ranks, settings);
    key = FileHash.sha256(new TreeMap<>(settings).toString().getBytes(StandardCharsets.UTF_8));
    done = 0;
    if (ranks.isFirst() && store.isPresent()) {
      try {
        Files.createDirectories(store.get());
        AtomicFiles.removeLeftovers(store.get());
      } catch (IOException e) {
        store = Optional.empty(); // a run's folder may be read-only
      }
    }
  }

  /**
   * Computes the next batches, each by one rank.
   *
   * @param batches at most {@link #round}, the same in all ranks
   * @return their results in the first rank, nothing in others
   * @throws EqvaeException.Argument if ranks read different images
   */
  List<Object[]> run(List<? extends Batch> batches) {
    if (!isShared()) {
      return batches.stream().map(Batch::compute).toList();
    }
    int own = ranks.rank();
    boolean has = own < batches.size();
    List<String> names = new ArrayList<>();
    for (int b = 0; b < batches.size(); b++) {
      names.add(ranks.isFirst() || b == own ? name(batches.get(b)) : "");
    }
    StringBuilder known = new StringBuilder();
    for (int b = 0; ranks.isFirst() && b < batches.size(); b++) {
      known.append(file(names.get(b)).filter(Files::isRegularFile).isPresent() ? '1' : '0');
    }
    List<String> all =
        ranks.allGather(ranks.isFirst() ? known.toString() : has ? names.get(own) : "");
    if (ranks.isFirst()) {
      requireSame(names, all);
    }
    String found = all.getFirst();
    boolean computes = has && found.charAt(own) == '0';
    byte[] mine = computes ? PackedArrays.pack(batches.get(own).compute()) : new byte[0];
    List<byte[]> made = ranks.gather(mine);
    List<Object[]> results = new ArrayList<>();
    try {
      for (int b = 0; ranks.isFirst() && b < batches.size(); b++) {
        Optional<Path> file = file(names.get(b));
        if (found.charAt(b) == '0' && file.isPresent()) {
          AtomicFiles.write(file.get(), made.get(b));
        }
        results.add(
            PackedArrays.unpack(
                found.charAt(b) == '0' ? made.get(b) : Files.readAllBytes(file.orElseThrow())));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    done += batches.size();
    return results;
  }

  private void requireSame(List<String> names, List<String> theirs) {
    for (int r = 1; r < names.size(); r++) {
      if (!theirs.get(r).equals(names.get(r))) {
        throw new EqvaeException.Argument(
            "rank "
                + r
                + " reads other images than rank 0, in batch "
                + (done + r)
                + " (from 0): all ranks must see the same files");
      }
    }
  }

  private String name(Batch batch) {
    return FileHash.sha256(
        (key + FileHash.sha256(batch.identity())).getBytes(StandardCharsets.US_ASCII));
  }

  private Optional<Path> file(String name) {
    return store.map(folder -> folder.resolve(name));
  }

  /**
   * Forgets the results: all is done.
   *
   * @throws IOException if the folder cannot be deleted
   */
  public void finish() throws IOException {
    if (ranks.isFirst() && store.isPresent() && Files.isDirectory(store.get())) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(store.get())) {
        for (Path file : files) {
          Files.delete(file);
        }
      }
      Files.delete(store.get());
    }
  }
}
