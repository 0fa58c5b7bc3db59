package io.github.eqvae.train;

import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.util.function.ToDoubleFunction;

/**
 * Parameters with their own optimiser. Their gradients are clipped together.
 *
 * @param name what its files are called in a checkpoint: {@code name.weights}, {@code name.adam_m}
 * @param title what people call it
 * @param store the parameters
 * @param adam how they are updated
 * @param learningRate before the schedule's factor
 * @param averaged whether it has a moving average, if the run keeps any
 * @param reports how many numbers its part of a micro-batch reports at most
 * @param norm what the log calls the norm of its gradients
 * @param weightDecay that of each parameter; {@code adam} has one for all
 */
public record ParameterGroup(
    String name,
    String title,
    ParameterStore store,
    AdamSettings adam,
    double learningRate,
    boolean averaged,
    int reports,
    String norm,
    ToDoubleFunction<Parameter> weightDecay) {
  /**
   * A network that is a run's only one: it has an average, and the log calls the norm of its
   * gradients {@code grad_norm}.
   *
   * @param name what its files are called in a checkpoint, and what people call it
   * @param store the parameters
   * @param optimizer how they are updated
   * @param reports how many numbers a micro-batch reports at most
   * @return the group
   */
  public static ParameterGroup of(
      String name, ParameterStore store, OptimizerRecipe optimizer, int reports) {
    return new ParameterGroup(
        name, name, store, optimizer.adam(), optimizer.learningRate(), true, reports, "grad_norm");
  }

  /**
   * The same weight decay for all: that of {@code adam}.
   *
   * @param name as above, like the parameters that follow
   * @param title for people
   * @param store the parameters
   * @param adam how they are updated
   * @param learningRate before the schedule's factor
   * @param averaged whether it has a moving average
   * @param reports how many numbers its part reports at most
   * @param norm what the log calls the norm of its gradients
   */
  public ParameterGroup(
      String name,
      String title,
      ParameterStore store,
      AdamSettings adam,
      double learningRate,
      boolean averaged,
      int reports,
      String norm) {
    this(name, title, store, adam, learningRate, averaged, reports, norm, p -> adam.weightDecay());
  }
}
