/**
 * EQ-VAE autoencoders and latent generators: training, fine-tuning, evaluation and serving on
 * native kernels.
 *
 * <p>picocli is needed by the command line alone ({@code io.github.eqvae.cli}); a program that
 * embeds the library does not get it.
 */
module io.github.eqvae {
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.databind;
  requires com.fasterxml.jackson.dataformat.yaml;
  requires ejml.core;
  requires ejml.ddense;
  requires static info.picocli;
  requires java.desktop;
  requires jdk.net;
  requires org.apache.commons.compress;

  exports io.github.eqvae;
  exports io.github.eqvae.ranks;
  exports io.github.eqvae.tensor;
  exports io.github.eqvae.op;
  exports io.github.eqvae.tape;
  exports io.github.eqvae.nn;
  exports io.github.eqvae.model;
  exports io.github.eqvae.model.checkpoint;
  exports io.github.eqvae.equivariance;
  exports io.github.eqvae.generator;
  exports io.github.eqvae.generator.checkpoint;
  exports io.github.eqvae.diffusion;
  exports io.github.eqvae.train;
  exports io.github.eqvae.train.autoencoder;
  exports io.github.eqvae.train.generator;
  exports io.github.eqvae.train.checkpoint;
  exports io.github.eqvae.train.classifier;
  exports io.github.eqvae.train.log;
  exports io.github.eqvae.train.kinds;
  exports io.github.eqvae.train.recipe;
  exports io.github.eqvae.train.run;
  exports io.github.eqvae.io;
  exports io.github.eqvae.io.torch;
  exports io.github.eqvae.data;
  exports io.github.eqvae.eval;
  exports io.github.eqvae.train.report;
  exports io.github.eqvae.serve;
  exports io.github.eqvae.latents;
  exports io.github.eqvae.jobs;

  opens io.github.eqvae.cli to
      info.picocli;
}
