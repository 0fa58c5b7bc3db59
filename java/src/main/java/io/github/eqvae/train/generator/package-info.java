/** What is the generators' own in training: recipes, latents as data, the task, samples. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.generator;
