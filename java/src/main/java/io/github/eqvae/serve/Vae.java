package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * An autoencoder that encodes and decodes, for any number of threads.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     Vae vae = Vae.load(path, device)) {
 *   Latents latents = vae.encode(ImageBatch.of(image));
 *   BufferedImage again = vae.decode(latents).toBufferedImage(0);
 * }
 * }</pre>
 *
 * <p>Latents are those of diffusers' {@code vae.encode(x)}, not scaled; {@link #scale} scales them
 * for a generator. Sides of images must be multiples of {@link #downsamplingFactor()}; {@link
 * ImageBatch#padToMultiple} pads them. The same batch gives the same bits, independent of other
 * calls and of the session.
 */
public final class Vae extends LoadedVae implements AutoCloseable {
  private final SessionPool pool;
  private final Batches batches;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Vae(Loaded loaded, SessionPool pool, VaeOptions options) {
    super(loaded, options.scaling());
    scaling().ifPresent(s -> s.requireChannels(latentChannels()));
    this.pool = pool;
    this.batches = new Batches(pool, options.batch());
  }

  /**
   * Loads a model with the default options.
   *
   * @param path as for {@link #load(Path, Device, VaeOptions)}
   * @param device as for {@link #load(Path, Device, VaeOptions)}
   * @return the model; the caller closes it
   * @throws IOException when it cannot be read
   */
  public static Vae load(Path path, Device device) throws IOException {
    return load(path, device, VaeOptions.defaults());
  }

  /**
   * Loads a model.
   *
   * @param path a folder of diffusers, a checkpoint of CompVis or taming-transformers, {@code
   *     model.safetensors}, or the folder of a training run; the kind is recognised by content
   * @param device computes; the caller closes it after the model
   * @param options sessions, batches, averaged weights, scaling
   * @return the model; the caller closes it
   * @throws IOException when it cannot be read, or a file violates its format
   * @throws EqvaeException.Argument when it has no complete autoencoder, or numbers that are not
   *     finite
   * @throws EqvaeException.Unsupported when the autoencoder's architecture is not supported
   * @throws EqvaeException.OutOfMemory when the device cannot hold it
   */
  public static Vae load(Path path, Device device, VaeOptions options) throws IOException {
    Loaded loaded = Loaded.read(path, device, options);
    try {
      return new Vae(loaded, new SessionPool(device, options.sessions()), options);
    } catch (RuntimeException | Error e) {
      loaded.model().close();
      throw e;
    }
  }

  /**
   * The hash of the weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters, in hexadecimal digits; it does
   *     not depend on the file format, if the precision is the same
   */
  public String weightsHash() {
    return SessionPool.await(pool.submit(s -> WeightsHash.of(model.parameters(), s.stream())));
  }

  /**
   * Encodes images.
   *
   * @param images images whose sides are multiples of the downsampling factor
   * @return the modes of the posteriors (for a discrete model, the vectors before quantisation),
   *     not scaled
   * @throws EqvaeException.Argument when sizes or channels are wrong for the model
   * @throws EqvaeException.OutOfMemory when the device's memory is exhausted; smaller batches need
   *     less
   */
  public Latents encode(ImageBatch images) {
    return encode(images, Posterior.mode());
  }

  /**
   * Encodes pictures, after conversion to the model's channels.
   *
   * @param images pictures of one size, whose sides are multiples of the downsampling factor
   * @return as for {@link #encode(ImageBatch)}
   */
  public Latents encode(BufferedImage... images) {
    return encode(ImageBatch.of(images).withChannels(imageChannels()));
  }

  /**
   * Encodes images.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @param posterior the mode, or a sample
   * @return the latents, not scaled
   */
  public Latents encode(ImageBatch images, Posterior posterior) {
    return encoding(images, null).latents(posterior);
  }

  /**
   * Encodes images in tiles, one at a time; {@link Tiling} describes the memory.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @param tiling the size of tiles
   * @return as for {@link #encode(ImageBatch)}, except for rounding
   */
  public Latents encode(ImageBatch images, Tiling tiling) {
    return encode(images, Posterior.mode(), tiling);
  }

  /**
   * Encodes images in tiles.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @param posterior the mode, or a sample
   * @param tiling the size of tiles
   * @return as for {@link #encode(ImageBatch, Posterior)}, except for rounding
   */
  public Latents encode(ImageBatch images, Posterior posterior, Tiling tiling) {
    return encoding(images, tiling).latents(posterior);
  }

  private Encoding encoding(ImageBatch images, @Nullable Tiling tiling) {
    require(images);
    return new Encoding(model, batches, images, tiling);
  }

  /**
   * The posteriors of images.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @return mean and standard deviation
   * @throws EqvaeException.Unsupported when the model has a codebook instead of a posterior
   */
  public Moments moments(ImageBatch images) {
    return moments(encoding(images, null));
  }

  /**
   * The posteriors of images that are encoded in tiles.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @param tiling the size of tiles
   * @return as for {@link #moments(ImageBatch)}, except for rounding
   */
  public Moments moments(ImageBatch images, Tiling tiling) {
    return moments(encoding(images, tiling));
  }

  private Moments moments(Encoding encoding) {
    if (!(model instanceof AutoencoderKl)) {
      throw new EqvaeException.Unsupported(
          "A discrete autoencoder has no posterior; use codes(), or encode() for its vectors");
    }
    return encoding.moments();
  }

  /**
   * Encodes images to the indices of the nearest codes.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @return the codes
   * @throws EqvaeException.Unsupported when the model has no codebook
   */
  public Codes codes(ImageBatch images) {
    requireCodebook();
    return encoding(images, null).codes();
  }

  /**
   * Encodes images in tiles to the indices of the nearest codes.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @param tiling the size of tiles
   * @return as for {@link #codes(ImageBatch)}; rounding may change the nearest of two codes
   */
  public Codes codes(ImageBatch images, Tiling tiling) {
    requireCodebook();
    return encoding(images, tiling).codes();
  }

  /**
   * Decodes latents; a discrete model quantises them first.
   *
   * @param latents scaled or not
   * @return the images, not clamped
   * @throws EqvaeException.Argument when the channels are not the model's, or the latents are
   *     scaled and the scaling is unknown
   */
  public ImageBatch decode(Latents latents) {
    require(latents);
    return new Decoding(model, batches, null).latents(unscale(latents));
  }

  /**
   * Decodes latents in tiles, one image at a time; {@link Tiling} describes the memory.
   *
   * @param latents scaled or not
   * @param tiling the size of tiles
   * @return as for {@link #decode(Latents)}, except for rounding
   */
  public ImageBatch decode(Latents latents, Tiling tiling) {
    require(latents);
    return new Decoding(model, batches, tiling).latents(unscale(latents));
  }

  /**
   * Decodes codes.
   *
   * @param codes indices of the codebook
   * @return the images, not clamped
   * @throws EqvaeException.Unsupported when the model has no codebook
   * @throws EqvaeException.Argument when an index is out of range
   */
  public ImageBatch decode(Codes codes) {
    return decoded(codes, null);
  }

  /**
   * Decodes codes in tiles, as for {@link #decode(Latents, Tiling)}.
   *
   * @param codes as for {@link #decode(Codes)}
   * @param tiling the size of tiles
   * @return as for {@link #decode(Codes)}, except for rounding
   */
  public ImageBatch decode(Codes codes, Tiling tiling) {
    return decoded(codes, tiling);
  }

  private ImageBatch decoded(Codes codes, @Nullable Tiling tiling) {
    requireCodebook();
    float[] table = loaded.codebook();
    int c = latentChannels();
    for (int index : codes.indices()) {
      if (index < 0 || index >= table.length / c) {
        throw new EqvaeException.Argument(
            "code %d: the codebook has %d".formatted(index, table.length / c));
      }
    }
    return new Decoding(model, batches, tiling).codes(codes, table);
  }

  /**
   * Encodes and decodes, with the posterior's mode.
   *
   * @param images as for {@link #encode(ImageBatch)}
   * @return the reconstructions, not clamped
   */
  public ImageBatch reconstruct(ImageBatch images) {
    return decode(encode(images));
  }

  /**
   * Scales latents for a generator.
   *
   * @param latents latents of this model
   * @return (z − shift_factor) · scaling_factor; the argument if it is already scaled
   * @throws EqvaeException.Argument when the scaling is unknown
   */
  public Latents scale(Latents latents) {
    return latents.scaled() ? latents : rescaled(latents, true);
  }

  /**
   * Reverts the scaling for a generator.
   *
   * @param latents latents of this model
   * @return z / scaling_factor + shift_factor; the argument if it is not scaled
   * @throws EqvaeException.Argument when the scaling is unknown
   */
  public Latents unscale(Latents latents) {
    return latents.scaled() ? rescaled(latents, false) : latents;
  }

  private Latents rescaled(Latents latents, boolean scale) {
    require(latents);
    LatentScaling s =
        scaling()
            .orElseThrow(
                () ->
                    new EqvaeException.Argument(
                        loaded.path()
                            + " does not say how its latents are scaled; load it with"
                            + " VaeOptions.withScaling(LatentScaling.of(scaling_factor,"
                            + " shift_factor)), on the command line --scaling-factor"));
    Rescaling rescaling = new Rescaling(s, latentChannels(), downsamplingFactor());
    return scale ? rescaling.scale(latents) : rescaling.unscale(latents);
  }

  /**
   * The memory on the device for this model's calls, without its weights.
   *
   * @return counters; calls with known shapes do not change them
   */
  public MemoryStats memory() {
    return pool.device().memory();
  }

  /** Waits for calls that have begun; later ones are refused. May be called twice. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.close();
      model.close();
    }
  }
}
