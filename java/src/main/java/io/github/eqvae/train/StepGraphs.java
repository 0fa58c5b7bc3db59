package io.github.eqvae.train;

import io.github.eqvae.tensor.Graph;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The graphs of a run's steps, by the key that determines their operations. The first time a key
 * comes up, its work is run eagerly, which makes the scratch memory large enough. The second time
 * it is captured, and from then on its graph is launched. When memory moves, all graphs are
 * discarded and captured again.
 *
 * @param <K> what determines the operations
 * @param <R> what the host knows of work that was run; it is the same for all work of one key
 */
final class StepGraphs<K, R> implements AutoCloseable {
  /**
   * How many graphs are kept: more than a released recipe has different steps. There is a limit
   * because each graph takes memory of the driver.
   */
  private static final int MOST = 256;

  /**
   * The largest number of remembered keys that occurred once: continuous draws never occur twice.
   */
  private static final int MOST_SEEN = 4096;

  private final class Entry {
    @Nullable Graph graph;
    @Nullable R result;
  }

  private final Stream stream;
  private final TensorArena arena;
  private final boolean enabled;
  private final LinkedHashMap<K, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private int graphs;
  private long layout;
  private long scratch;
  private long captured;
  private long launched;

  /**
   * Begins without graphs.
   *
   * @param stream what the steps run on
   * @param arena where the steps' memory is
   * @param enabled false to run everything eagerly
   */
  StepGraphs(Stream stream, TensorArena arena, boolean enabled) {
    this.stream = stream;
    this.arena = arena;
    this.enabled = enabled;
  }

  /**
   * Does a step's work, eagerly or with a graph.
   *
   * @param key determines its operations; null if it will not be repeated
   * @param work gives the stream the operations
   * @param instead is called when a graph did the work
   * @return the result of the work when it was run for this key
   */
  R run(@Nullable K key, Supplier<R> work, Runnable instead) {
    if (!enabled || key == null) {
      return work.get();
    }
    if (arena.layout() != layout || stream.scratchBytes() != scratch) {
      dropGraphs();
      layout = arena.layout();
      scratch = stream.scratchBytes();
    }
    Entry entry = entries.get(key);
    if (entry == null) {
      R result = work.get();
      remember(key);
      return result;
    }
    Graph graph = entry.graph;
    R result = entry.result;
    if (graph != null && result != null) {
      graph.launch(stream);
      launched++;
      instead.run();
      return result;
    }
    makeRoom();
    Entry fresh = entry;
    Graph made = stream.capture(() -> fresh.result = work.get());
    entry.graph = made;
    graphs++;
    captured++;
    made.launch(stream);
    return Objects.requireNonNull(entry.result);
  }

  private void remember(K key) {
    entries.put(key, new Entry());
    if (entries.size() > MOST_SEEN) {
      Map.Entry<K, Entry> eldest = entries.entrySet().iterator().next();
      close(eldest.getValue());
      entries.remove(eldest.getKey());
    }
  }

  private void makeRoom() {
    for (Entry e : entries.values()) { // least recently used first
      if (graphs < MOST) {
        return;
      }
      close(e);
    }
  }

  private void close(Entry entry) {
    if (entry.graph != null) {
      stream.sync(); // it may still run
      entry.graph.close();
      entry.graph = null;
      graphs--;
    }
    entry.result = null;
  }

  private void dropGraphs() {
    entries.values().forEach(this::close);
  }

  /** Graphs made so far, those made again included. */
  long captured() {
    return captured;
  }

  /** Steps that ran as graphs. */
  long launched() {
    return launched;
  }

  @Override
  public void close() {
    dropGraphs();
    entries.clear();
  }
}
