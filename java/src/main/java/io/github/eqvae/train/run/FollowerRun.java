package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;

/**
 * A rank after the first one. It computes its share of each step, and writes nothing: the first
 * rank's {@link TrainingRun} has the folder. Weights and counts come from there, also after a
 * resume.
 *
 * @param <T> the kind of task
 */
public final class FollowerRun<T extends Task> implements AutoCloseable {
  private final RunnableRecipe<T> recipe;
  private final Workload<T> workload;
  private final RunFolder folder;
  private final Trainer<T> trainer;

  private FollowerRun(
      RunnableRecipe<T> recipe, Workload<T> workload, RunFolder folder, Communicator ranks)
      throws IOException {
    this.recipe = recipe;
    this.workload = workload;
    this.folder = folder;
    trainer = new Trainer<>(recipe, ranks);
  }

  /**
   * Opens the data of a recipe and prepares a rank.
   *
   * @param recipe the recipe, the same as the first rank's
   * @param folder the run's, in which only the first rank writes
   * @param observer is told what happens
   * @param ranks who trains together
   * @param <T> the kind of task
   * @return the rank, to be closed by the caller
   * @throws IOException when data, or weights that the task needs, cannot be read
   */
  public static <T extends Task> FollowerRun<T> open(
      RunnableRecipe<T> recipe, RunFolder folder, RunObserver observer, Communicator ranks)
      throws IOException {
    Workload<T> workload = recipe.workload(observer);
    try {
      return new FollowerRun<>(recipe, workload, folder, ranks);
    } catch (IOException | RuntimeException | Error e) {
      workload.close();
      throw e;
    }
  }

  /** Asks all ranks to save and stop after the current step. Any thread may call this. */
  public void requestStop() {
    trainer.requestStop();
  }

  /**
   * Trains with the others to the end, or until one was asked to stop.
   *
   * @param overfitBatch whether all train on the first batch only
   * @return how it ended
   * @throws IOException when data cannot be read
   * @throws EqvaeException.Argument when the ranks differ; the message says in what
   */
  public Trainer.End train(boolean overfitBatch) throws IOException {
    Communicator ranks = trainer.ranks();
    RankAgreement.check(ranks, recipe, workload, trainer, overfitBatch);
    if (ranks.max(0) > 0) {
      return Trainer.End.FINISHED; // it ended early, before it was resumed
    }
    trainer.broadcast();
    long first = overfitBatch ? 0 : trainer.nextBatch();
    CheckpointStore unused = folder.store(recipe);
    try (Workload.Batches batches = workload.batches(first, ranks.size())) {
      return trainer.run(
          overfitBatch ? new RepeatedBatch(batches, first) : batches,
          null,
          unused,
          new TrainListener() {});
    }
  }

  @Override
  public void close() {
    trainer.close();
    workload.close();
  }
}
