package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.Networks;
import io.github.eqvae.train.checkpoint.Blob;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything a run must restore to go on with the same bits: weights, buffers, moments, average,
 * counters. The draws and the data order are functions of (seed, step) and need no state.
 */
final class TrainState {
  private final Stream stream;
  private final AutoencoderRecipe recipe;
  private final Networks networks;
  final AdamOptimizer optimizer;
  final @Nullable AdamOptimizer discOptimizer;
  final @Nullable Ema ema;

  /** Steps done. */
  long step;

  /** Updates of the average. */
  long emaUpdates;

  /** Updates that were skipped because something was not finite. */
  long skipped;

  /** How many of the last steps in a row were skipped. */
  int consecutiveSkips;

  TrainState(AutoencoderRecipe recipe, Networks networks, Stream stream) {
    this.recipe = recipe;
    this.networks = networks;
    this.stream = stream;
    optimizer = optimizer(networks.vae().parameters());
    discOptimizer = networks.discriminator().map(d -> optimizer(d.parameters())).orElse(null);
    ema = recipe.run().emaDecay().isPresent() ? new Ema(networks.vae().parameters(), stream) : null;
  }

  /** The weights were replaced before the first step. */
  void averageStartsHere() {
    if (ema != null) {
      networks.vae().parameters().values().copyTo(stream, ema.average());
    }
  }

  /** The autoencoder's update was made, and the average moved with it. */
  void countUpdate() {
    optimizer.count();
    if (ema != null) {
      emaUpdates++;
    }
  }

  /** The discriminator's update was made. */
  void countDiscriminatorUpdate() {
    if (discOptimizer != null) {
      discOptimizer.count();
    }
  }

  private AdamOptimizer optimizer(ParameterStore store) {
    OptimizerRecipe o = recipe.optimizer();
    return new AdamOptimizer(
        store,
        stream,
        o.betas().get(0),
        o.betas().get(1),
        o.eps(),
        o.weightDecay(),
        o.kind() == OptimizerRecipe.Kind.ADAMW);
  }

  /** The tensors of the state by the names they have in a checkpoint. */
  private Map<String, Tensor> tensors() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    add(all, "vae", networks.vae().parameters(), optimizer);
    AdamOptimizer d = discOptimizer;
    if (d != null) {
      networks.discriminator().ifPresent(net -> add(all, "discriminator", net.parameters(), d));
    }
    if (ema != null) {
      all.put("vae.ema", ema.average());
    }
    return all;
  }

  private static void add(
      Map<String, Tensor> all, String prefix, ParameterStore store, AdamOptimizer adam) {
    all.put(prefix + ".weights", store.values());
    all.put(prefix + ".adam_m", adam.firstMoment());
    all.put(prefix + ".adam_v", adam.secondMoment());
    for (Parameter buffer : store.buffers()) {
      all.put(prefix + ".buffer." + buffer.name(), buffer.value());
    }
  }

  void save(CheckpointStore store) throws IOException {
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
      state.put("optimizer_step", optimizer.steps());
      state.put("discriminator_optimizer_step", discOptimizer == null ? 0 : discOptimizer.steps());
      state.put("ema_updates", emaUpdates);
      state.put("skipped_updates", skipped);
      state.put("consecutive_skips", consecutiveSkips);
      state.put("dtype", networks.vae().parameters().values().dtype().name());
      state.put("recipe", recipe.toYaml());
      store.save(step, blobs, state);
    }
  }

  void load(Checkpoint checkpoint) throws IOException {
    List<String> problems = new ArrayList<>();
    Map<String, Tensor> tensors = tensors();
    String dtype = networks.vae().parameters().values().dtype().name();
    String theirs = checkpoint.state("dtype", String.class);
    if (!dtype.equals(theirs)) {
      problems.add("it holds " + theirs + ", this device computes in " + dtype);
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
    networks.vae().parameters().repack(stream);
    networks.discriminator().ifPresent(d -> d.parameters().repack(stream));
    step = number(checkpoint, "step");
    optimizer.setSteps(number(checkpoint, "optimizer_step"));
    if (discOptimizer != null) {
      discOptimizer.setSteps(number(checkpoint, "discriminator_optimizer_step"));
    }
    emaUpdates = number(checkpoint, "ema_updates");
    skipped = number(checkpoint, "skipped_updates");
    consecutiveSkips = Math.toIntExact(number(checkpoint, "consecutive_skips"));
  }

  private static long number(Checkpoint checkpoint, String key) throws IOException {
    return checkpoint.state(key, Number.class).longValue();
  }
}
