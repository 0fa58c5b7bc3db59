package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;

/**
 * An autoencoder to encode and decode with, from any number of threads.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     Vae vae = Vae.load(path, device)) {
 *   Latents latents = vae.encode(ImageBatch.of(image));
 *   BufferedImage again = vae.decode(latents).toBufferedImage(0);
 * }
 * }</pre>
 *
 * <p>Latents are as diffusers' {@code vae.encode(x)} gives them, not scaled; {@link #scale} makes
 * what a generator sees. Sides of images must be multiples of {@link #downsamplingFactor()}; {@link
 * ImageBatch#padToMultiple} makes them so. The same batch gives the same bits, whatever else runs
 * and whichever session it gets.
 */
public final class Vae implements AutoCloseable {
  /** Noise of this class among the purposes of random numbers. */
  private static final long NOISE = 0x5EED_1A7E_0000_0000L;

  private final Loaded loaded;
  private final Autoencoder model;
  private final SessionPool pool;
  private final VaeOptions options;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Vae(Loaded loaded, SessionPool pool, VaeOptions options) {
    this.loaded = loaded;
    this.model = loaded.model();
    this.pool = pool;
    this.options = options;
  }

  /**
   * Loads a model with the default options.
   *
   * @param path as of {@link #load(Path, Device, VaeOptions)}
   * @param device as of {@link #load(Path, Device, VaeOptions)}
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
   *     model.safetensors}, or the folder of a training run; what it is, its content decides
   * @param device where it computes; closed by the caller, after the model
   * @param options sessions, batches, averaged weights, scaling
   * @return the model; the caller closes it
   * @throws IOException when it cannot be read, or a file breaks the rules of its format
   * @throws EqvaeException.Argument when it holds no autoencoder, or not a whole one; the message
   *     says what it is and what is missing
   * @throws EqvaeException.Unsupported when it is an autoencoder that cannot be computed here
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
   * Image pixels per latent pixel along one side.
   *
   * @return 8 for SD-VAE
   */
  public int downsamplingFactor() {
    return model.config().downsamplingFactor();
  }

  /**
   * Channels of the images.
   *
   * @return 3 for RGB, 1 for gray
   */
  public int imageChannels() {
    return model.config().inChannels();
  }

  /**
   * Channels of the latents.
   *
   * @return 4 for SD-VAE
   */
  public int latentChannels() {
    return model.config().embedDim();
  }

  /**
   * Codes in the codebook.
   *
   * @return 0 if the model has none
   */
  public int codebookSize() {
    return model.codebookUsage().map(u -> u.codes()).orElse(0);
  }

  /**
   * How many numbers were learned.
   *
   * @return 83,653,863 for SD-VAE
   */
  public long parameterCount() {
    return model.parameters().count();
  }

  /**
   * Side of the images it was trained with.
   *
   * @return pixels; other sizes work, too
   */
  public int resolution() {
    return model.config().resolution();
  }

  /**
   * How latents are scaled for a generator.
   *
   * @return empty if neither the checkpoint nor the options say
   */
  public Optional<LatentScaling> scaling() {
    return options.scaling().or(loaded::scaling);
  }

  /**
   * Identifies the weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters, in hexadecimal digits; the
   *     same for the same weights in another file format of the same precision
   */
  public String weightsHash() {
    return SessionPool.await(pool.submit(s -> WeightsHash.of(model.parameters(), s.stream())));
  }

  /**
   * Encodes images.
   *
   * @param images sides multiples of the downsampling factor
   * @return the modes of the posteriors (of a discrete model: the vectors before they are
   *     quantised), not scaled
   * @throws EqvaeException.Argument when sizes or channels do not fit; the message names the
   *     multiple
   * @throws EqvaeException.OutOfMemory when the device has no more; smaller batches help
   */
  public Latents encode(ImageBatch images) {
    return encode(images, Posterior.mode());
  }

  /**
   * Encodes pictures; gray and RGB are converted to what the model takes.
   *
   * @param images of one size, sides multiples of the downsampling factor
   * @return as of {@link #encode(ImageBatch)}
   */
  public Latents encode(BufferedImage... images) {
    ImageBatch batch = ImageBatch.of(images);
    if (batch.channels() != imageChannels()) {
      List<io.github.eqvae.io.Image> converted = new ArrayList<>();
      for (int i = 0; i < batch.count(); i++) {
        converted.add(batch.image(i).withChannels(imageChannels()));
      }
      batch = ImageBatch.ofImages(converted);
    }
    return encode(batch);
  }

  /**
   * Encodes images.
   *
   * @param images as of {@link #encode(ImageBatch)}
   * @param posterior the mode, or a sample
   * @return the latents, not scaled
   */
  public Latents encode(ImageBatch images, Posterior posterior) {
    require(images);
    int f = downsamplingFactor();
    int h = images.height() / f;
    int w = images.width() / f;
    int c = latentChannels();
    float[] out = new float[images.count() * h * w * c];
    each(
        images.count(),
        (from, to) ->
            session -> {
              ImageBatch part = images.part(from, to);
              Tape tape = session.tape();
              Tensor encoded = model.encode(tape, upload(session, part));
              Tensor z =
                  posterior.samples()
                      ? model.latent(
                          tape,
                          encoded,
                          shape -> noise(tape, shape, posterior, posterior.first() + from))
                      : model.mode(tape, encoded);
              return session.download(z);
            },
        (from, part) -> System.arraycopy(part, 0, out, from * h * w * c, part.length));
    return new Latents(images.count(), h, w, c, out, false);
  }

  /** Noise of each image by its number alone, so that batches may be cut anywhere. */
  private static Tensor noise(Tape tape, Shape shape, Posterior posterior, long first) {
    Tensor noise = tape.arena().tensor(shape);
    for (int i = 0; i < shape.size(0); i++) {
      noise.narrow(0, i, 1).normal(tape.stream(), posterior.seed(), NOISE + first + i, 0, 1);
    }
    return noise;
  }

  /**
   * The posteriors of images.
   *
   * @param images as of {@link #encode(ImageBatch)}
   * @return mean and standard deviation
   * @throws EqvaeException.Unsupported when the model has a codebook instead of a posterior
   */
  public Moments moments(ImageBatch images) {
    require(images);
    if (!(model instanceof AutoencoderKl)) {
      throw new EqvaeException.Unsupported(
          "A discrete autoencoder has no posterior; use codes(), or encode() for its vectors");
    }
    int f = downsamplingFactor();
    int c = latentChannels();
    int places = images.height() / f * (images.width() / f);
    float[] mean = new float[images.count() * places * c];
    float[] std = new float[mean.length];
    each(
        images.count(),
        (from, to) ->
            session ->
                session.download(
                    model.encode(session.tape(), upload(session, images.part(from, to)))),
        (from, part) -> {
          for (int i = 0; i < part.length; i++) {
            int place = from * places + i / (2 * c);
            int channel = i % (2 * c);
            if (channel < c) {
              mean[place * c + channel] = part[i];
            } else {
              std[place * c + channel - c] = (float) Math.exp(0.5 * Math.clamp(part[i], -30f, 20f));
            }
          }
        });
    return new Moments(images.count(), images.height() / f, images.width() / f, c, mean, std);
  }

  /**
   * Encodes images to the numbers of the nearest codes.
   *
   * @param images as of {@link #encode(ImageBatch)}
   * @return the codes
   * @throws EqvaeException.Unsupported when the model has no codebook
   */
  public Codes codes(ImageBatch images) {
    require(images);
    requireCodebook();
    int f = downsamplingFactor();
    int places = images.height() / f * (images.width() / f);
    int[] out = new int[images.count() * places];
    each(
        images.count(),
        (from, to) ->
            session -> {
              Tape tape = session.tape();
              Tensor z = model.encode(tape, upload(session, images.part(from, to)));
              Autoencoder.Quantization q = model.bottleneck(tape, z).quantization();
              if (q == null) {
                throw new EqvaeException.Internal("a model with a codebook did not quantise");
              }
              return session.downloadInts(q.index());
            },
        (from, part) -> System.arraycopy(part, 0, out, from * places, part.length));
    return new Codes(images.count(), images.height() / f, images.width() / f, out);
  }

  /**
   * Decodes latents; a discrete model quantises them first.
   *
   * @param latents scaled or not
   * @return the images, not clamped
   * @throws EqvaeException.Argument when the channels are not the model's, or the latents are
   *     scaled and the scaling is not known
   */
  public ImageBatch decode(Latents latents) {
    require(latents);
    Latents raw = unscale(latents);
    return decode(
        raw.count(),
        raw.height(),
        raw.width(),
        (from, to) ->
            session -> {
              Tape tape = session.tape();
              Latents part = raw.part(from, to);
              Tensor z =
                  session.upload(
                      Shape.of(part.count(), part.height(), part.width(), part.channels()),
                      part.values());
              return session.download(model.decode(tape, model.bottleneck(tape, z).value()));
            });
  }

  /**
   * Decodes latents in tiles, an image at a time, with the memory that {@link Tiling} says.
   *
   * @param latents scaled or not
   * @param tiling how to cut
   * @return as of {@link #decode(Latents)}, but for rounding
   */
  public ImageBatch decode(Latents latents, Tiling tiling) {
    require(latents);
    Latents raw = unscale(latents);
    int f = downsamplingFactor();
    int c = model.config().outChannels();
    int each = Math.multiplyExact(Math.multiplyExact(raw.height() * f, raw.width() * f), c);
    float[] out = new float[Math.multiplyExact(raw.count(), each)];
    List<Future<float[]>> images = new ArrayList<>();
    for (int i = 0; i < raw.count(); i++) {
      Latents one = raw.part(i, i + 1);
      images.add(
          pool.submit(
              session -> {
                Shape shape = Shape.of(1, one.height(), one.width(), one.channels());
                Tensor z = session.upload(shape, one.values());
                Tensor value = model.bottleneck(session.tape(), z).value();
                return new TiledDecoder(model, session, tiling).decode(value);
              }));
    }
    collect(images, (i, image) -> System.arraycopy(image, 0, out, i * each, each));
    return new ImageBatch(raw.count(), raw.height() * f, raw.width() * f, c, out);
  }

  /**
   * Decodes codes.
   *
   * @param codes indices of the codebook
   * @return the images, not clamped
   * @throws EqvaeException.Unsupported when the model has no codebook
   * @throws EqvaeException.Argument when an index is outside of it
   */
  public ImageBatch decode(Codes codes) {
    requireCodebook();
    float[] table = loaded.codebook();
    int c = latentChannels();
    for (int index : codes.indices()) {
      if (index < 0 || index >= table.length / c) {
        throw new EqvaeException.Argument(
            "code %d: the codebook has %d".formatted(index, table.length / c));
      }
    }
    return decode(
        codes.count(),
        codes.height(),
        codes.width(),
        (from, to) ->
            session -> {
              Codes part = codes.part(from, to);
              float[] vectors = new float[part.indices().length * c];
              for (int i = 0; i < part.indices().length; i++) {
                System.arraycopy(table, part.indices()[i] * c, vectors, i * c, c);
              }
              Shape shape = Shape.of(part.count(), part.height(), part.width(), c);
              Tape tape = session.tape();
              return session.download(model.decode(tape, session.upload(shape, vectors)));
            });
  }

  private ImageBatch decode(
      int count, int h, int w, BiFunction<Integer, Integer, Session.Work<float[]>> work) {
    int f = downsamplingFactor();
    int c = model.config().outChannels();
    int each = Math.multiplyExact(Math.multiplyExact(h * f, w * f), c);
    float[] out = new float[Math.multiplyExact(count, each)];
    each(count, work, (from, part) -> System.arraycopy(part, 0, out, from * each, part.length));
    return new ImageBatch(count, h * f, w * f, c, out);
  }

  /**
   * Encodes and decodes, without randomness.
   *
   * @param images as of {@link #encode(ImageBatch)}
   * @return the reconstructions, not clamped
   */
  public ImageBatch reconstruct(ImageBatch images) {
    return decode(encode(images));
  }

  /**
   * Latents as a generator sees them.
   *
   * @param latents of this model
   * @return (z − shift_factor) · scaling_factor; these themselves if they are scaled already
   * @throws EqvaeException.Argument when the scaling is not known
   */
  public Latents scale(Latents latents) {
    return latents.scaled() ? latents : rescaled(latents, true);
  }

  /**
   * Latents as the autoencoder makes them.
   *
   * @param latents of this model
   * @return z / scaling_factor + shift_factor; these themselves if they are not scaled
   * @throws EqvaeException.Argument when the scaling is not known
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
                            + " shift_factor))"));
    float[] in = latents.values();
    float[] out = new float[in.length];
    for (int i = 0; i < out.length; i++) {
      int channel = i % latents.channels();
      out[i] = (float) (scale ? s.scale(in[i], channel) : s.unscale(in[i], channel));
    }
    return new Latents(
        latents.count(), latents.height(), latents.width(), latents.channels(), out, scale);
  }

  /**
   * What is allocated on the device for this model's calls, its weights not counted.
   *
   * @return counters; they do not move when shapes come that were seen before
   */
  public MemoryStats memory() {
    return pool.device().memory();
  }

  private Tensor upload(Session session, ImageBatch part) {
    return session.upload(
        Shape.of(part.count(), part.height(), part.width(), part.channels()), part.pixels());
  }

  /** Puts the parts where they belong. */
  @FunctionalInterface
  private interface Sink<T> {
    void put(int from, T part);
  }

  /** Cuts [0, count) into batches that run in the sessions, and takes all results. */
  private <T> void each(
      int count, BiFunction<Integer, Integer, Session.Work<T>> work, Sink<T> sink) {
    List<Future<T>> parts = new ArrayList<>();
    for (int from = 0; from < count; from += options.batch()) {
      parts.add(pool.submit(work.apply(from, Math.min(count, from + options.batch()))));
    }
    collect(parts, (i, part) -> sink.put(i * options.batch(), part));
  }

  private static <T> void collect(List<Future<T>> parts, Sink<T> sink) {
    RuntimeException failure = null;
    for (int i = 0; i < parts.size(); i++) {
      try {
        T part = SessionPool.await(parts.get(i));
        if (failure == null) {
          sink.put(i, part);
        }
      } catch (RuntimeException e) { // the others are waited for, too: nothing goes on unseen
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void require(ImageBatch images) {
    int f = downsamplingFactor();
    if (images.channels() != imageChannels()) {
      throw new EqvaeException.Argument(
          "images have %d channels, this model takes %d"
              .formatted(images.channels(), imageChannels()));
    }
    if (images.height() % f != 0 || images.width() % f != 0) {
      throw new EqvaeException.Argument(
          "images are %d×%d, both sides must be multiples of %d: padToMultiple(%d) pads them, and"
                  .formatted(images.height(), images.width(), f, f)
              + " crop(height, width) cuts what was decoded");
    }
  }

  private void require(Latents latents) {
    if (latents.channels() != latentChannels()) {
      throw new EqvaeException.Argument(
          "latents have %d channels, this model's have %d"
              .formatted(latents.channels(), latentChannels()));
    }
  }

  private void requireCodebook() {
    if (codebookSize() == 0) {
      throw new EqvaeException.Unsupported(
          "This autoencoder has no codebook; use encode() and decode(Latents)");
    }
  }

  /** Waits for calls that have begun; later ones are refused. Closing twice is no error. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.close();
      model.close();
    }
  }
}
