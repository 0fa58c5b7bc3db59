/** Training of generators: recipes, latents as data, the task, samples. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.generator;
