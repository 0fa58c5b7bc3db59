/**
 * Training data: data sets, transforms, deterministic order, and a loader that decodes ahead of the
 * step.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.data;
