package io.github.eqvae.train;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * A kind of work that a {@link Trainer} drives: what is trained, and how. The trainer owns
 * accumulation, clipping, skipping, optimisers, averages, graphs, memory and resumption; it knows
 * no model. A task has the networks on one device and says what a micro-batch does with them.
 *
 * <p>Everything random in a micro-batch must be a pure function of the run's seed and of {@link
 * MicroBatch#index()} (and of the sample): then a resumed run has the same bits as one that was
 * never stopped, and a task has no state to save.
 *
 * <p>A task is used by one thread. It owns its networks and closes them.
 */
public interface Task extends AutoCloseable {
  /**
   * The parameter groups.
   *
   * @return at least one group, the same in every call; skipped updates of the first one are
   *     counted
   */
  List<ParameterGroup> groups();

  /**
   * The fields of a micro-batch.
   *
   * @return the fields, the same in every call
   */
  BatchShape batch();

  /**
   * Is told who trains together, before the first micro-batch. A phase in which the ranks exchange
   * something must have no signature.
   *
   * @param ranks this process and others; one process is not told
   */
  default void join(Communicator ranks) {}

  /**
   * The number of scalars of a micro-batch that operations read on the device, such as the counters
   * of random noise. They may differ between launches of one graph.
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
   * Describes the work of a micro-batch, without doing it.
   *
   * @param at which micro-batch
   * @return the phases in their order
   */
  List<Phase> phases(MicroBatch at);

  /**
   * Micro-batches for the memory plan, which runs each of them on a device that only plans. No
   * micro-batch in training may need more memory.
   *
   * @param at the step's only micro-batch, or a later one where the run accumulates
   * @return at least one; by default that micro-batch, where all are alike
   */
  default List<Sketch> sketches(MicroBatch at) {
    return List.of(new Sketch("any", phases(at)));
  }

  /**
   * A micro-batch for a memory plan.
   *
   * @param label a description for people
   * @param phases what it does
   */
  record Sketch(String label, List<Phase> phases) {}

  /**
   * Loads the weights that training starts from, unless it starts from the networks' random ones.
   *
   * @return whether it wrote any
   * @throws IOException when they cannot be read
   */
  default boolean initialize() throws IOException {
    return false;
  }

  /**
   * Is called with the first batch of a run before training; for example, a codebook may start at
   * its latents. It is not called in resumed runs.
   *
   * @param context where the batch is; its arena is reset afterwards
   * @return whether weights were written
   */
  default boolean initialize(StepContext context) {
    return false;
  }

  /**
   * Copies the state that forward passes change apart from parameters, such as running statistics.
   * This is the first work of a step and part of its graph.
   *
   * @param at the step's first micro-batch
   * @param stream orders the work
   */
  default void snapshot(MicroBatch at, Stream stream) {}

  /**
   * Restores the state of {@link #snapshot}, because something in the step was not finite.
   *
   * @param at the step's first micro-batch
   * @param stream orders the work
   */
  default void rollback(MicroBatch at, Stream stream) {}

  /**
   * Texts of a step for the log, beside its numbers.
   *
   * @param at the step's last micro-batch
   * @return texts by name, such as the transformation that was drawn
   */
  default Map<String, String> notes(MicroBatch at) {
    return Map.of();
  }

  /**
   * Advice against divergence.
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
   * @param patience steps in a row, at least 1, before a message is shown: some networks recover
   *     from it
   * @param meaning what it means and what helps, in a sentence; shown once
   */
  record ZeroGradients(String norm, int patience, String meaning) {}

  /**
   * The networks whose gradients are never zero in a run that learns.
   *
   * @return the message for each
   */
  default List<ZeroGradients> zeroGradients() {
    return List.of();
  }

  /**
   * Fills fields of a batch that only the task can compute, such as the latents of a frozen
   * encoder. It is called by the training thread, before the batch is copied to the device. The
   * result must be a function of the rest of the batch only.
   *
   * @param batch filled by its source
   */
  default void complete(HostBatch batch) {}

  /**
   * What validation needs of the memory in which steps have their activations ({@link
   * Trainer#stepMemory}), found on a device that only plans.
   *
   * @return bytes; 0 if validation has memory of its own
   */
  default long betweenStepsBytes() {
    return 0;
  }

  /**
   * Additional memory of validation, or of completing a batch, found on a device that only plans.
   *
   * @return bytes
   */
  default long validationBytes() {
    return 0;
  }

  /**
   * Memory of networks that are loaded temporarily to make samples, in addition to {@code
   * #validationBytes}, found on a device that only plans. Only shapes are read from files.
   *
   * @return bytes; 0 if there are none, or their files are not there
   */
  default long samplesBytes() {
    return 0;
  }

  /**
   * Memory of frozen networks that stay on the device beside the task, found on a device that only
   * plans.
   *
   * @return bytes; 0 if there are none, or their files are not there
   */
  default long frozenBytes() {
    return 0;
  }

  /** Closes the networks; by default, the parameters of the groups. */
  @Override
  default void close() {
    groups().forEach(group -> group.store().close());
  }
}
