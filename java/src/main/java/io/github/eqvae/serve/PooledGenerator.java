package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.train.generator.TrainedGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** A generator's sessions, and what its file says: what generators of both kinds have in common. */
abstract class PooledGenerator implements AutoCloseable {
  /** The user's path, for messages. */
  final Path path;

  final SessionPool pool;
  final Batches batches;
  private final Optional<String> note;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * A generator.
   *
   * @param path the user's path
   * @param note as {@link #weightsNote} returns it
   * @param pool closed together with this
   * @param batch the largest batch
   */
  PooledGenerator(Path path, Optional<String> note, SessionPool pool, int batch) {
    this.path = path;
    this.note = note;
    this.pool = pool;
    batches = new Batches(pool, batch);
  }

  /** Reads a generator from a file. */
  interface Reader<G> {
    G read(Path file, Optional<String> note, GeneratorOptions options) throws IOException;
  }

  /** Reads a file, or the newest checkpoint of a run; the note says which. */
  static <G> G open(Path path, GeneratorOptions options, Reader<G> reader) throws IOException {
    if (!TrainedGenerator.isInCheckpoints(path, options.weights())) {
      return reader.read(path, Optional.empty(), options);
    }
    Path file = Files.createTempFile("eqvae-", ".safetensors");
    file.toFile().deleteOnExit(); // after Ctrl-C, too
    try {
      String which = TrainedGenerator.write(path, options.weights(), file);
      return reader.read(file, Optional.of(which), options.withWeights(Weights.AUTO));
    } finally {
      Files.deleteIfExists(file);
    }
  }

  /** The network's parameters. */
  abstract ParameterStore parameters();

  /** Closes the network. */
  abstract void closeNetwork();

  /**
   * The origin of its latents or codes.
   *
   * @return the origin; empty for files of other programs
   */
  public abstract Optional<LatentsOrigin> latents();

  /**
   * The names of its classes.
   *
   * @return names by label; empty if they are unknown
   */
  public abstract List<String> classNames();

  /**
   * The number of trained parameters.
   *
   * @return the count, without fixed position embeddings
   */
  public long parameterCount() {
    return parameters().count();
  }

  /**
   * A note about the chosen weights, if the file has both those as last trained and their average
   * (EMA).
   *
   * @return the chosen set, the other one and how to choose it; empty if there is one set
   */
  public Optional<String> weightsNote() {
    return note;
  }

  /**
   * The hash of the weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters, in hexadecimal digits
   */
  public String weightsHash() {
    return SessionPool.await(pool.submit(s -> WeightsHash.of(parameters(), s.stream())));
  }

  /** Refuses to sample nothing. */
  static void requireSome(int[] labels) {
    if (labels.length == 0) {
      throw new EqvaeException.Argument("There are no labels, so there is nothing to sample");
    }
  }

  /** The error of a label that a network with classes does not have. */
  EqvaeException.Argument noSuchLabel(int label, int classes, String others) {
    return new EqvaeException.Argument(
        "label %d: %s has the classes 0 to %d%s".formatted(label, path, classes - 1, others));
  }

  /**
   * The memory on the device for this generator's calls, without its weights.
   *
   * @return counters
   */
  public MemoryStats memory() {
    return pool.device().memory();
  }

  /** Waits for calls that have begun; later ones are refused. May be called twice. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.close();
      closeNetwork();
    }
  }
}
