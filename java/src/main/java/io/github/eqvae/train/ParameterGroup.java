package io.github.eqvae.train;

import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.ParameterStore;

/**
 * Parameters with an optimiser of their own. Their gradients are clipped together.
 *
 * @param name what its files are called in a checkpoint: {@code name.weights}, {@code name.adam_m}
 * @param title what people call it
 * @param store the parameters
 * @param adam how they are updated
 * @param learningRate before the schedule's factor
 * @param averaged whether it has a moving average, if the run keeps any
 * @param reports how many numbers its part of a micro-batch reports at most
 * @param norm what the log calls the norm of its gradients
 */
public record ParameterGroup(
    String name,
    String title,
    ParameterStore store,
    AdamSettings adam,
    double learningRate,
    boolean averaged,
    int reports,
    String norm) {}
