/**
 * Published autoencoders: checkpoints of diffusers, CompVis and taming-transformers, read and
 * written. {@link io.github.eqvae.model.checkpoint.AutoencoderCheckpoint} reads one, {@link
 * io.github.eqvae.model.checkpoint.CheckpointWriter} writes one, {@link
 * io.github.eqvae.model.checkpoint.KnownModel} lists the well-known ones.
 *
 * <p>Internally tensors have their CompVis names, as in the networks. {@code
 * io.github.eqvae.model.checkpoint.KeyMap} translates names; it does not know networks.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.model.checkpoint;
