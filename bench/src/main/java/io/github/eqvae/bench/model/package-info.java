/** A model of the time that a step needs on a GPU: docs/kernels/model.md. */
package io.github.eqvae.bench.model;
