package io.github.eqvae.train.run;

import io.github.eqvae.io.Image;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The part of a run that is not training: its data, what it measures and shows during the run, and
 * what it writes at the end. Used by one thread.
 *
 * @param <T> the kind of task
 */
public interface Workload<T extends Task> extends AutoCloseable {
  /**
   * How many samples there are.
   *
   * @return one line, such as {@code 60,000 images to train on, 512 held out}
   */
  String describe();

  /**
   * Warnings about the data.
   *
   * @return one sentence each
   */
  default List<String> notes() {
    return List.of();
  }

  /**
   * The held-out samples, if the data are split. A continued run must hold out the same ones.
   *
   * @return names in the data's order; empty where nothing is split off
   */
  default List<String> heldOutNames() {
    return List.of();
  }

  /**
   * What ranks that train together must have the same of, beside the recipe, {@link #describe}, the
   * held-out samples and the first batch.
   *
   * @return texts by what they are of, such as a file's hash
   * @throws IOException when a file cannot be read
   */
  default Map<String, String> agreement() throws IOException {
    return Map.of();
  }

  /** Batches in their order. */
  interface Batches extends BatchSource, AutoCloseable {
    @Override
    void close();
  }

  /**
   * Training batches, beginning with a given one.
   *
   * @param first index of the first micro-batch that is asked for
   * @param every how far the indices that are asked for lie apart: the number of ranks
   * @return the batches, to be closed by the caller; what each has depends on its index alone
   * @throws IOException when the data cannot be read
   */
  Batches batches(long first, int every) throws IOException;

  /**
   * Called when a run begins: writes into its folder what its start depends on and may be gone
   * later.
   *
   * @param folder the run's
   * @throws IOException when it cannot be read or written
   */
  default void begin(RunFolder folder) throws IOException {}

  /**
   * Compares the data with those that the run in a folder began with, before it goes on.
   *
   * @param folder the run's
   * @throws IOException when it cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when the run must not go on with these
   */
  default void resume(RunFolder folder) throws IOException {}

  /**
   * Checks what the run will need later, such as other models. It is called before anything in the
   * folder is changed.
   *
   * @param stream orders the work
   * @throws IOException when a file cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when something does not fit
   */
  default void check(Stream stream) throws IOException {}

  /**
   * Reads the data that {@link #sample} shows. It is called before the first step, so that a
   * mistake shows early.
   *
   * @throws IOException when the data cannot be read
   */
  default void prepareSamples() throws IOException {}

  /**
   * Measures on held-out data; averaged weights are in place if the run keeps an average.
   *
   * @param trainer the run's
   * @return figures by name
   * @throws IOException when the data cannot be read
   */
  Map<String, Double> validate(Trainer<T> trainer) throws IOException;

  /**
   * A figure that the best model can be chosen by.
   *
   * @param name what {@code run.best_metric} calls it
   * @param key what {@link #validate} calls it
   * @param higherIsBetter else lower is
   */
  record Metric(String name, String key, boolean higherIsBetter) {}

  /**
   * Figures that {@code run.best_metric} can name.
   *
   * @return all of them
   */
  List<Metric> metrics();

  /**
   * Makes a picture of what the model does; averaged weights are in place if the run keeps an
   * average.
   *
   * @param trainer the run's
   * @return the picture; empty if there is nothing to show
   * @throws IOException when the data cannot be read
   */
  Optional<Image> sample(Trainer<T> trainer) throws IOException;

  /**
   * Makes a picture of a batch in whose step something was not finite.
   *
   * @param batch the batch
   * @return its picture; empty if people could not read it
   */
  default Optional<Image> picture(HostBatch batch) {
    return Optional.empty();
  }

  /**
   * Writes the model with the weights that are in place.
   *
   * @param trainer the run's
   * @param folder the run's
   * @param file the file
   * @param more free strings for it, beside its own
   * @throws IOException when it cannot be written
   */
  void saveModel(Trainer<T> trainer, RunFolder folder, Path file, Map<String, String> more)
      throws IOException;

  /**
   * Measures the finished model, whose file is already written, and writes results and report.
   *
   * @param run the run, whose average is in place if it keeps one
   * @return figures for the terminal, whole lines
   * @throws IOException when data cannot be read or results not written
   */
  String finish(TrainingRun<T> run) throws IOException;

  @Override
  default void close() {}
}
