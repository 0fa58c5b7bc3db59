package io.github.eqvae.train;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;

/**
 * A recipe that a {@link Trainer} can run: the common settings and the task.
 *
 * @param <T> the kind of task
 */
public interface TrainingRecipe<T extends Task> {
  /**
   * Length, device, and what is written during the run.
   *
   * @return section {@code run}
   */
  RunRecipe run();

  /**
   * How parameters are updated.
   *
   * @return section {@code optimizer}
   */
  OptimizerRecipe optimizer();

  /**
   * The complete recipe as text, which checkpoints carry.
   *
   * @return YAML
   */
  String toYaml();

  /**
   * Makes the networks.
   *
   * @param stream orders the work; its device holds them
   * @param planned true to read no file: only memory is planned
   * @return the task, which the caller closes
   * @throws IOException when weights that the task needs cannot be read
   */
  T task(Stream stream, boolean planned) throws IOException;

  /**
   * Memory of the host that data may take.
   *
   * @return bytes at most, 0 when none is kept
   */
  default long cacheBytes() {
    return 0;
  }
}
