package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.GradientAllReduce;
import io.github.eqvae.nn.GradientTotal;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.OrderedAllReduce;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Sums the gradients of a step's micro-batches, in their order. One rank adds on the device. With
 * several ranks, whose micro-batches are dealt in turn, all add up each round: GPUs through NCCL
 * ({@link GradientAllReduce}), others through host memory ({@link OrderedAllReduce}). All give the
 * same bits, unless the recipe leaves the order to NCCL.
 */
final class GradientSum implements AutoCloseable {
  private final Stream stream;
  private final TensorArena arena;
  private final boolean early;
  private final boolean whole; // several ranks add only what each has added up of its micro-batches
  private final List<GradientTotal> totals = new ArrayList<>();
  private final List<GradientBuckets> shared = new ArrayList<>();
  private final List<GradientAllReduce> onGpus = new ArrayList<>();

  /**
   * Allocates what is needed: nothing for one rank and one micro-batch.
   *
   * @param task whose groups
   * @param stream orders the work
   * @param accumulate micro-batches of each rank in a step
   * @param ranks who takes part
   * @param gpus the ranks' GPUs, where they exchange gradients themselves; stays the caller's
   * @param order how several ranks add; {@code library} is only for such GPUs
   * @param graphs whether phases may run as graphs: then gradients are sent after them
   */
  GradientSum(
      Task task,
      Stream stream,
      int accumulate,
      Communicator ranks,
      Optional<DeviceCommunicator> gpus,
      RunRecipe.GradientOrder order,
      boolean graphs) {
    boolean fixed = order == RunRecipe.GradientOrder.FIXED;
    this.stream = stream;
    whole = !fixed && accumulate > 1;
    early = !graphs && !whole;
    arena = new TensorArena(stream.device(), "sums of gradients", false);
    for (ParameterGroup group : task.groups()) {
      ParameterStore store = group.store();
      if (!ranks.isAlone()) {
        if (store.values().dtype() != DType.F32) {
          throw new EqvaeException.Unsupported(
              "several ranks sum gradients in single precision; this device computes in "
                  + store.values().dtype());
        }
        if (gpus.isPresent()) {
          onGpus.add(new GradientAllReduce(store, stream, gpus.get(), arena, fixed));
        } else {
          shared.add(new GradientBuckets(store, stream, ranks));
        }
      }
      if (whole || (accumulate > 1 && ranks.isAlone())) {
        totals.add(new GradientTotal(store, arena));
      }
    }
  }

  /** Begins with a group's gradients of a micro-batch, before they are computed. */
  void begin(int group, MicroBatch at) {
    if (early) {
      beginRanks(group, at);
    }
  }

  private void beginRanks(int group, MicroBatch at) {
    if (!shared.isEmpty()) {
      shared.get(group).begin(at, early);
    } else if (!onGpus.isEmpty()) {
      onGpus.get(group).begin(at.first(), at.last(), early);
    }
  }

  /**
   * Adds a group's computed gradients. Without an order over all ranks, they are added to this
   * rank's earlier micro-batches on the device, which can be captured. Otherwise the ranks have
   * started to send them, and this sends the rest.
   */
  void add(int group, MicroBatch at) {
    if (!totals.isEmpty()) {
      totals.get(group).add(stream, at.first(), at.last());
    }
    if (early) {
      sendRest(group);
    }
  }

  private void sendRest(int group) {
    if (!shared.isEmpty()) {
      shared.get(group).sendRest();
    } else if (!onGpus.isEmpty()) {
      onGpus.get(group).sendRest();
    }
  }

  /** What was not sent from within its phase, which may be a graph, is sent after it. */
  void addAfter(int group, MicroBatch at) {
    if (!early) {
      beginRanks(group, at); // not in the phase, whose code runs only when it is captured
      sendRest(group);
    }
  }

  /** Waits for a group's sum of all ranks. The store has it after the step's last micro-batch. */
  void await(int group) {
    if (onGpus.isEmpty()) {
      shared.get(group).await();
    } else {
      onGpus.get(group).await();
    }
  }

  /** Whether this rank's last summands of a group are not all finite. */
  boolean isOwnNotFinite(int group) {
    return onGpus.isEmpty()
        ? !shared.isEmpty() && shared.get(group).isOwnNotFinite()
        : onGpus.get(group).isOwnNotFinite();
  }

  /** What the sums of all ranks took; times only of those through host memory. */
  Overlap.Times times() {
    List<Overlap.Times> all = new ArrayList<>();
    shared.forEach(each -> all.add(each.times()));
    onGpus.forEach(each -> all.add(each.times()));
    return all.stream().reduce(Overlap.Times.NONE, Overlap.Times::plus);
  }

  @Override
  public void close() {
    stream.sync(); // a sum may still be on its way to the device
    shared.forEach(GradientBuckets::close);
    onGpus.forEach(GradientAllReduce::close);
    arena.close();
  }
}
