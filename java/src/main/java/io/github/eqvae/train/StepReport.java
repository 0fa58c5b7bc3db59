package io.github.eqvae.train;

import java.util.Map;

/**
 * What a finished step tells.
 *
 * @param step steps done so far, this one included
 * @param steps steps of the whole run
 * @param values losses by name, {@code grad_norm}, {@code learning_rate}
 * @param tau the τ that was drawn, as text
 * @param images images this step trained on
 * @param seconds how long it took
 * @param skipped whether the update was skipped because something was not finite
 */
public record StepReport(
    long step,
    long steps,
    Map<String, Double> values,
    String tau,
    int images,
    double seconds,
    boolean skipped) {}
