/** The third kind of task: a small classifier, whose features generated images are compared by. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.classifier;
