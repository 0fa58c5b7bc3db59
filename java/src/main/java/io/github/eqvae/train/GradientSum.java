package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.GradientAllReduce;
import io.github.eqvae.nn.GradientTotal;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.OrderedSum;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.recipe.RunRecipe;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Sums the gradients of a step's micro-batches, in their order. One rank adds on the device. With
 * several ranks, whose micro-batches are dealt in turn, all add up each round: GPUs through NCCL
 * ({@link GradientAllReduce}), others through host memory ({@link OrderedSum}). All give the same
 * bits, unless the recipe leaves the order to NCCL.
 */
final class GradientSum implements AutoCloseable {
  private final Stream stream;
  private final TensorArena arena;
  private final List<ParameterStore> stores = new ArrayList<>();
  private final List<GradientTotal> totals = new ArrayList<>();
  private final List<OrderedSum> shared = new ArrayList<>();
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
   */
  GradientSum(
      Task task,
      Stream stream,
      int accumulate,
      Communicator ranks,
      Optional<DeviceCommunicator> gpus,
      RunRecipe.GradientOrder order) {
    boolean fixed = order == RunRecipe.GradientOrder.FIXED;
    this.stream = stream;
    arena = new TensorArena(stream.device(), "sums of gradients", false);
    for (ParameterGroup group : task.groups()) {
      ParameterStore store = group.store();
      stores.add(store);
      if (!ranks.isAlone()) {
        if (store.values().dtype() != DType.F32) {
          throw new EqvaeException.Unsupported(
              "several ranks sum gradients in single precision; this device computes in "
                  + store.values().dtype());
        }
        if (gpus.isPresent()) {
          onGpus.add(new GradientAllReduce(store, gpus.get(), arena, fixed));
        } else {
          shared.add(ranks.orderedSum(store.values().shape().elements()));
        }
      }
      if (accumulate > 1 && (ranks.isAlone() || !fixed)) {
        totals.add(new GradientTotal(store, arena));
      }
    }
  }

  /**
   * Adds a group's gradients to those of this rank's earlier micro-batches, on the device; it can
   * be captured. Does nothing if the ranks add in the order of the micro-batches.
   */
  void add(int group, MicroBatch at) {
    if (!totals.isEmpty()) {
      totals.get(group).add(stream, at.first(), at.last());
    }
  }

  /**
   * Adds a group's gradients of all ranks, and waits for them. After the step's last micro-batch
   * the store has the sum.
   */
  void addAll(int group, MicroBatch at) {
    if (!onGpus.isEmpty()) {
      onGpus.get(group).add(stream, at.first(), at.last());
      return;
    }
    Tensor gradients = stores.get(group).gradients(stream);
    OrderedSum sum = shared.get(group);
    gradients.copyTo(stream, sum.mine());
    stream.sync();
    sum.add(at.first());
    if (at.last()) {
      gradients.copyFrom(stream, sum.total());
    }
  }

  /** Whether this rank's last summands are not all finite. */
  boolean isOwnNotFinite() {
    return shared.stream().map(OrderedSum::mine).anyMatch(GradientSum::isNotFinite)
        || onGpus.stream().anyMatch(sum -> sum.isOwnNotFinite(stream));
  }

  private static boolean isNotFinite(MemorySegment floats) {
    for (long i = 0; i < floats.byteSize() / Float.BYTES; i++) {
      if (!Float.isFinite(floats.getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void close() {
    stream.sync(); // a sum may still be on its way to the device
    shared.forEach(OrderedSum::close);
    arena.close();
  }
}
