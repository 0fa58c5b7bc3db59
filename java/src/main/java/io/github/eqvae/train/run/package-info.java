/**
 * A run from files to files: recipe and data in, checkpoints, logs, samples, model and report out.
 * {@link io.github.eqvae.train.run.TrainingRun} is the way in.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.run;
