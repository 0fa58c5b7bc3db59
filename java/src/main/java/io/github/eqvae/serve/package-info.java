/**
 * A small interface to autoencoders and generators for applications. {@link
 * io.github.eqvae.serve.Vae} loads a checkpoint of any kind and serves any number of threads; it
 * allocates memory once.
 *
 * <p>The public interface of this package is stable: it changes only with the major version. So is
 * what its users make or read of other packages, and nothing else there:
 *
 * <ul>
 *   <li>{@link io.github.eqvae.EqvaeException};
 *   <li>{@link io.github.eqvae.tensor.Device}, with {@link io.github.eqvae.tensor.DeviceInfo},
 *       {@link io.github.eqvae.tensor.DType} and {@link io.github.eqvae.tensor.MemoryStats};
 *   <li>{@link io.github.eqvae.model.checkpoint.Weights}, {@link
 *       io.github.eqvae.model.LatentScaling}, {@link
 *       io.github.eqvae.generator.checkpoint.GeneratorHints}, {@link
 *       io.github.eqvae.generator.checkpoint.LatentsOrigin};
 *   <li>{@link io.github.eqvae.diffusion.MaskSchedule}, {@link
 *       io.github.eqvae.diffusion.SdeSampler.Form}, {@link
 *       io.github.eqvae.diffusion.SdeSampler.Last};
 *   <li>{@link io.github.eqvae.io.Image}.
 * </ul>
 *
 * <p>Methods that describe a loaded generator or make its sampler also return types that are not in
 * this list, such as {@link io.github.eqvae.generator.DitConfig}: those may change.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.serve;
