package io.github.eqvae.train;

import java.io.IOException;
import java.util.Map;

/** Gets the events of a run. Every method has an empty default. */
public interface TrainListener {
  /**
   * The run starts or goes on.
   *
   * @param step steps done before
   * @param steps steps of the whole run
   * @throws IOException when writing fails
   */
  default void started(long step, long steps) throws IOException {}

  /**
   * A step is done.
   *
   * @param report what it tells
   * @throws IOException when writing fails
   */
  default void step(StepReport report) throws IOException {}

  /**
   * The held-out data were measured.
   *
   * @param step steps done
   * @param values metrics by name
   * @throws IOException when writing fails
   */
  default void validated(long step, Map<String, Double> values) throws IOException {}

  /**
   * It is time to show samples; averaged weights are in place if the run keeps an average.
   *
   * @param step steps done
   * @throws IOException when writing fails
   */
  default void samples(long step) throws IOException {}

  /**
   * A checkpoint is about to be written.
   *
   * @param step steps done
   * @throws IOException when it must not be written; the run ends with this error
   */
  default void saving(long step) throws IOException {}

  /**
   * A loss or gradient was not finite; this and all later updates of the step were skipped.
   *
   * @param step steps done, this one included
   * @param batch the micro-batch it happened with
   * @param values losses and norms by name
   * @param notes what the task says of that micro-batch
   * @throws IOException when writing fails
   */
  default void nonFinite(
      long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes)
      throws IOException {}
}
