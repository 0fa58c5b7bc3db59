/**
 * The third kind of task: a small classifier. Its features are used to compare generated images
 * with real ones.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.classifier;
