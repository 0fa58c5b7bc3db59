package io.github.eqvae.train;

import java.util.Map;

/**
 * The report of a finished step.
 *
 * @param step steps done so far, this one included
 * @param steps steps of the whole run
 * @param values losses by name, norms of gradients, {@code learning_rate}
 * @param notes what the task says of the step ({@link Task#notes})
 * @param samples samples this step trained on
 * @param seconds how long it took
 * @param skipped whether an update was skipped because something was not finite
 */
public record StepReport(
    long step,
    long steps,
    Map<String, Double> values,
    Map<String, String> notes,
    int samples,
    double seconds,
    boolean skipped) {}
