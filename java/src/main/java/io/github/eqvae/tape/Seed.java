package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * Where a backward pass starts.
 *
 * @param output a tensor of the tape
 * @param gradient the gradient with respect to it, of its shape
 */
public record Seed(Tensor output, Tensor gradient) {}
