package io.github.eqvae.train;

import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * What is trained: a kind of work that a {@link Trainer} drives. The trainer owns accumulation,
 * clipping, skipping, optimisers, averages, graphs, memory and resumption; it knows no model. A
 * task has the networks on one device and says what a micro-batch does with them.
 *
 * <p>Everything random in a micro-batch must be a pure function of the run's seed and of {@link
 * MicroBatch#index()} (and of the sample): then a resumed run has the bits of one that never
 * stopped, and a task has no state to save.
 *
 * <p>A task is used by one thread. Its networks are its own and are closed with it.
 */
public interface Task extends AutoCloseable {
  /**
   * What is updated.
   *
   * @return at least one group, the same in every call; the first one's skipped updates count
   */
  List<ParameterGroup> groups();

  /**
   * What a micro-batch is made of.
   *
   * @return the fields, the same in every call
   */
  BatchShape batch();

  /**
   * Numbers of a micro-batch that operations read on the device, such as the counters that noise is
   * drawn with: what differs between launches of one graph.
   *
   * @return how many, 0 or more
   */
  default int scalars() {
    return 0;
  }

  /**
   * Writes the numbers of a micro-batch.
   *
   * @param at which micro-batch
   * @param values receives {@link #scalars} numbers, which the device holds as F64
   */
  default void scalars(MicroBatch at, double[] values) {}

  /**
   * What is done for a micro-batch, without doing it.
   *
   * @param at which micro-batch
   * @return the phases in their order
   */
  List<Phase> phases(MicroBatch at);

  /**
   * Micro-batches that a memory plan must look at, so that none in training needs more. It runs
   * each on a device that only plans.
   *
   * @param at the step's only micro-batch, or a later one where the run accumulates
   * @return at least one
   */
  List<Sketch> sketches(MicroBatch at);

  /**
   * A micro-batch for a memory plan.
   *
   * @param label what is special about it, for people
   * @param phases what it does
   */
  record Sketch(String label, List<Phase> phases) {}

  /**
   * Writes the weights that training starts from, where they are not the random ones that the
   * networks were made with.
   *
   * @return whether it wrote any
   * @throws IOException when they cannot be read
   */
  default boolean initialize() throws IOException {
    return false;
  }

  /**
   * Sees the first batch of a run before it is trained on; a codebook may start at what it is
   * encoded to. Resumed runs do not come here again.
   *
   * @param context where the batch is; its arena is reset afterwards
   * @return whether weights were written
   */
  default boolean initialize(StepContext context) {
    return false;
  }

  /**
   * Remembers what forward passes change beside the parameters, such as running statistics. It is
   * the first work of a step and becomes part of its graph.
   *
   * @param at the step's first micro-batch
   * @param stream orders the work
   */
  default void snapshot(MicroBatch at, Stream stream) {}

  /**
   * Takes back what happened since {@link #snapshot}: something in the step was not finite.
   *
   * @param at the step's first micro-batch
   * @param stream orders the work
   */
  default void rollback(MicroBatch at, Stream stream) {}

  /**
   * What the log says of a step beside its numbers.
   *
   * @param at the step's last micro-batch
   * @return texts by name, such as the τ that was drawn
   */
  default Map<String, String> notes(MicroBatch at) {
    return Map.of();
  }

  /**
   * What helps against divergence.
   *
   * @return advice of one sentence each, beside a lower learning rate
   */
  default List<String> advice() {
    return List.of();
  }

  /**
   * Gradients of a network that are exactly zero everywhere, which means that it does not learn.
   *
   * @param norm what the log calls the norm of these gradients
   * @param patience steps in a row, at least 1, before it is said: some networks pass through it
   * @param meaning what it means and what helps, in a sentence; said once
   */
  record ZeroGradients(String norm, int patience, String meaning) {}

  /**
   * The networks whose gradients are never zero in a run that learns.
   *
   * @return what is to be said of each
   */
  default List<ZeroGradients> zeroGradients() {
    return List.of();
  }

  /**
   * Fills fields of a batch that only the task can make, such as what a frozen encoder makes of its
   * images. Called by the thread that trains, before the batch goes to the device; what it puts
   * there must be a function of the rest of the batch alone.
   *
   * @param batch with all that its source gave
   */
  default void complete(HostBatch batch) {}

  /**
   * Memory that looking at held-out data, or completing a batch, takes beside the steps, found on a
   * device that only plans.
   *
   * @return bytes
   */
  default long validationBytes() {
    return 0;
  }

  /**
   * Memory of networks that are loaded for a moment to show what was learned, beside {@link
   * #validationBytes}, found on a device that only plans. Files are asked for shapes, not numbers.
   *
   * @return bytes; 0 if there are none, or their files are not there
   */
  default long samplesBytes() {
    return 0;
  }

  @Override
  void close();
}
