/**
 * Published autoencoders: checkpoints of diffusers, CompVis and taming-transformers, read and
 * written. {@link io.github.eqvae.model.checkpoint.AutoencoderCheckpoint} reads one, {@link
 * io.github.eqvae.model.checkpoint.CheckpointWriter} writes one, {@link
 * io.github.eqvae.model.checkpoint.KnownModel} lists those that everybody uses.
 *
 * <p>Inside, tensors go by their CompVis names, which are also those of the networks. {@link
 * io.github.eqvae.model.checkpoint.KeyMap} translates; it knows names, not networks.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.model.checkpoint;
