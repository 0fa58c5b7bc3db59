package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.checkpoint.Blob;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that a run must restore to continue with the same bits: weights, buffers, moments,
 * averages, counters. Random numbers are functions of (seed, micro-batch) and need no state.
 */
final class TrainState {
  /** A group with what its updates need. */
  static final class Group {
    private final ParameterGroup group;
    private final AdamOptimizer optimizer;
    private final @Nullable Ema average;

    /** Updates of the average. */
    private long averaged;

    Group(ParameterGroup group, boolean averages, Stream stream) {
      this.group = group;
      optimizer = new AdamOptimizer(group.store(), stream, group.adam(), group.weightDecay());
      average = averages && group.averaged() ? new Ema(group.store(), stream) : null;
    }

    AdamOptimizer optimizer() {
      return optimizer;
    }

    @Nullable Ema average() {
      return average;
    }

    long averaged() {
      return averaged;
    }

    /** The update was made, and the average moved with it. */
    void countUpdate() {
      optimizer.count();
      if (average != null) {
        averaged++;
      }
    }
  }

  private final Stream stream;
  private final TrainingRecipe<?> recipe;
  private final List<Group> groups = new ArrayList<>();

  /** Steps done. */
  long step;

  /** Micro-batches of these steps, of all ranks. */
  long batches;

  /** What the last checkpoint says of its run: ranks, and micro-batches of a step; 0 for none. */
  private long ranksBefore;

  private long batchesBefore;

  /** Updates that were skipped because something was not finite. */
  long skipped;

  /** How many of the last steps in a row were skipped. */
  int consecutiveSkips;

  TrainState(TrainingRecipe<?> recipe, Task task, Stream stream) {
    this.recipe = recipe;
    this.stream = stream;
    boolean averages = recipe.run().emaDecay().isPresent();
    if (recipe.run().keepsPackedWeights(stream.device())) {
      task.groups().forEach(g -> g.store().keepPacked(stream));
    }
    task.groups().forEach(g -> groups.add(new Group(g, averages, stream)));
  }

  Group group(int index) {
    return groups.get(index);
  }

  /** The weights were replaced before the first step. */
  void averagesStartHere() {
    for (Group g : groups) {
      if (g.average != null) {
        g.group.store().values().copyTo(stream, g.average.average());
      }
    }
  }

  /** Exchanges values and averages, of all groups that have one. */
  void swapAverages() {
    for (Group g : groups) {
      if (g.average != null) {
        g.average.swap(stream);
      }
    }
  }

  boolean hasAverage() {
    return groups.stream().anyMatch(g -> g.average != null);
  }

  /** The tensors of the state by the names they have in a checkpoint. */
  Map<String, Tensor> tensors() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (Group g : groups) {
      String prefix = g.group.name();
      all.put(prefix + ".weights", g.group.store().values());
      all.put(prefix + ".adam_m", g.optimizer.firstMoment());
      all.put(prefix + ".adam_v", g.optimizer.secondMoment());
      for (Parameter buffer : g.group.store().buffers()) {
        all.put(prefix + ".buffer." + buffer.name(), buffer.value());
      }
    }
    for (Group g : groups) {
      if (g.average != null) {
        all.put(g.group.name() + ".ema", g.average.average());
      }
    }
    return all;
  }

  /** The first group's counts have no prefix, as in older checkpoints, which had only one group. */
  private String key(Group g, String name) {
    return g == groups.getFirst() ? name : g.group.name() + "_" + name;
  }

  private String dtype() {
    return groups.getFirst().group.store().values().dtype().name();
  }

  void save(CheckpointStore store, Communicator ranks) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, Blob> blobs = new LinkedHashMap<>();
      tensors()
          .forEach(
              (name, tensor) -> {
                MemorySegment host = arena.allocate(tensor.bytes(), 64);
                tensor.copyTo(stream, host);
                blobs.put(name, Blob.of(host));
              });
      stream.sync();
      Map<String, Object> state = new LinkedHashMap<>();
      state.put("step", step);
      state.put("micro_batches", batches);
      state.put("ranks", ranks.size());
      state.put("accumulate", recipe.optimizer().accumulate());
      for (Group g : groups) {
        state.put(key(g, "optimizer_step"), g.optimizer.steps());
        if (g == groups.getFirst() || g.average != null) {
          state.put(key(g, "ema_updates"), g.averaged);
        }
      }
      state.put("skipped_updates", skipped);
      state.put("consecutive_skips", consecutiveSkips);
      state.put("dtype", dtype());
      state.put("recipe", recipe.toYaml());
      store.save(step, blobs, state);
    }
  }

  void load(Checkpoint checkpoint) throws IOException {
    List<String> problems = new ArrayList<>();
    Map<String, Tensor> tensors = tensors();
    String theirs = checkpoint.state("dtype", String.class);
    if (!dtype().equals(theirs)) {
      problems.add("it holds " + theirs + ", this device computes in " + dtype());
    }
    for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
      if (!checkpoint.names().contains(e.getKey())) {
        problems.add("it has no " + e.getKey());
      } else if (checkpoint.length(e.getKey()) != e.getValue().bytes()) {
        problems.add(
            e.getKey()
                + " has "
                + checkpoint.length(e.getKey())
                + " bytes, expected "
                + e.getValue().bytes());
      }
    }
    if (!problems.isEmpty()) {
      throw new EqvaeException.Argument(
          "The checkpoint "
              + checkpoint.directory()
              + " does not fit this recipe: "
              + String.join("; ", problems)
              + ". Resume with the recipe it was made with.");
    }
    try (Arena arena = Arena.ofConfined()) {
      for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
        MemorySegment host = arena.allocate(e.getValue().bytes(), 64);
        checkpoint.read(e.getKey(), host);
        e.getValue().copyFrom(stream, host);
        stream.sync();
      }
    }
    for (Group g : groups) {
      ParameterStore store = g.group.store();
      store.repack(stream);
      g.optimizer.setSteps(number(checkpoint, key(g, "optimizer_step")));
      if (g == groups.getFirst() || g.average != null) {
        g.averaged = number(checkpoint, key(g, "ema_updates"));
      }
    }
    step = number(checkpoint, "step");
    long accumulate = recipe.optimizer().accumulate(); // in checkpoints that do not say it
    batches = number(checkpoint, "micro_batches", step * accumulate);
    ranksBefore = number(checkpoint, "ranks", 1);
    batchesBefore = ranksBefore * number(checkpoint, "accumulate", accumulate);
    skipped = number(checkpoint, "skipped_updates");
    consecutiveSkips = Math.toIntExact(number(checkpoint, "consecutive_skips"));
  }

  private static long number(Checkpoint checkpoint, String key, long missing) throws IOException {
    return checkpoint.state().containsKey(key) ? number(checkpoint, key) : missing;
  }

  long ranksBefore() {
    return ranksBefore;
  }

  long batchesBefore() {
    return batchesBefore;
  }

  /** The state's counts, in an order that {@link #setCounts} knows. */
  long[] counts() {
    long[] all = new long[4 + 2 * groups.size()];
    all[0] = step;
    all[1] = batches;
    all[2] = skipped;
    all[3] = consecutiveSkips;
    for (int g = 0; g < groups.size(); g++) {
      all[4 + 2 * g] = groups.get(g).optimizer.steps();
      all[5 + 2 * g] = groups.get(g).averaged;
    }
    return all;
  }

  /** Takes over the counts of another rank. */
  void setCounts(long[] all) {
    step = all[0];
    batches = all[1];
    skipped = all[2];
    consecutiveSkips = Math.toIntExact(all[3]);
    for (int g = 0; g < groups.size(); g++) {
      groups.get(g).optimizer.setSteps(all[4 + 2 * g]);
      groups.get(g).averaged = all[5 + 2 * g];
    }
  }

  /** Weights were written. */
  void repack() {
    groups.forEach(g -> g.group.store().repack(stream));
  }

  private static long number(Checkpoint checkpoint, String key) throws IOException {
    return checkpoint.state(key, Number.class).longValue();
  }
}
