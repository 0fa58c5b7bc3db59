package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Measures an autoencoder on images: reconstruction (PSNR, SSIM, LPIPS, rFID), the paper's
 * equivariance error for each transform, latent statistics, spectrum and intrinsic dimension, and
 * how a codebook is used. Latents are posterior means, or vectors before they are quantised: what τ
 * acts on. The result has no randomness unless {@link #samplePosterior} asks for it.
 */
public final class Evaluator implements AutoCloseable {
  /** The intrinsic dimension is that of the first latents: its time grows with their square. */
  private static final int DIMENSION_LATENTS = 2048;

  /** Noise of this class among the purposes of random numbers. */
  private static final long NOISE = 0x5EED_0E7A_0000_0000L;

  private final Autoencoder vae;
  private final @Nullable Lpips lpips;
  private final Stream stream;
  private final TensorArena arena;
  private OptionalLong sampleSeed = OptionalLong.empty();
  private Ssim.Variant ssimVariant = Ssim.Variant.SCIKIT_IMAGE;
  private int drawn;

  /**
   * An evaluator.
   *
   * @param vae the model
   * @param lpips the perceptual distance, null to leave it out
   * @param stream orders the work
   */
  public Evaluator(Autoencoder vae, @Nullable Lpips lpips, Stream stream) {
    this.vae = vae;
    this.lpips = lpips;
    this.stream = stream;
    this.arena = new TensorArena(stream.device(), "evaluation");
  }

  /**
   * Allocates what {@link #plan} found at once: memory that grows as it goes takes more.
   *
   * @param bytes what the evaluation's memory must hold without growing
   */
  public void reserve(long bytes) {
    arena.reserve(bytes);
  }

  /**
   * The memory that measuring takes beside the networks, found by going through them once.
   *
   * @param vae the model; on a device that only plans, nothing is computed
   * @param lpips the perceptual distance, null to leave it out
   * @param stream orders the work
   * @param batch images that go through the networks at once
   * @param side their side
   * @return bytes
   */
  public static long plan(
      Autoencoder vae, @Nullable Lpips lpips, Stream stream, int batch, int side) {
    return EvaluatorMemory.plan(vae, lpips, stream, batch, side);
  }

  /**
   * Reconstructs from samples of the posterior from now on, not from its mode. The figures of the
   * latents stay those of the mode.
   *
   * @param seed of the noise
   */
  public void samplePosterior(long seed) {
    sampleSeed = OptionalLong.of(seed);
  }

  /**
   * Chooses whose structural similarity is measured; at first it is scikit-image's.
   *
   * @param variant measured from now on
   */
  public void ssim(Ssim.Variant variant) {
    ssimVariant = variant;
  }

  /**
   * Measures the model, without rFID.
   *
   * @param images {@code count} images, {@code [count, side, side, channels]} in [-1, 1]
   * @param count how many
   * @param side their side; a multiple of the downsampling factor
   * @param batch how many go through the network at once
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @return the figures
   */
  public Evaluation measure(
      float[] images, int count, int side, int batch, List<Integer> angles, List<Double> scales) {
    return measure(images, count, side, batch, angles, scales, null);
  }

  /**
   * Measures the model.
   *
   * @param images {@code count} images, {@code [count, side, side, channels]} in [-1, 1]
   * @param count how many
   * @param side their side; a multiple of the downsampling factor
   * @param batch how many go through the network at once
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @param rfid collects images and reconstructions, null to leave it out
   * @return the figures
   */
  public Evaluation measure(
      float[] images,
      int count,
      int side,
      int batch,
      List<Integer> angles,
      List<Double> scales,
      @Nullable RFid rfid) {
    int perImage = side * side * vae.config().inChannels();
    return measure(new ArrayBatches(images, count, perImage, batch), side, angles, scales, rfid);
  }

  /** Gives images to be measured, a batch at a time. */
  @FunctionalInterface
  public interface Batches {
    /**
     * The next batch.
     *
     * @return images {@code [n, side, side, channels]} in [-1, 1]; empty after the last
     */
    Optional<float[]> next();
  }

  /**
   * Measures the model on images of which a batch at a time is in memory.
   *
   * @param batches the images, at least one
   * @param side their side; a multiple of the downsampling factor
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @param rfid collects images and reconstructions, null to leave it out
   * @return the figures
   */
  public Evaluation measure(
      Batches batches, int side, List<Integer> angles, List<Double> scales, @Nullable RFid rfid) {
    int channels = vae.config().inChannels();
    int perImage = side * side * channels;
    Map<String, SpatialTransform> transforms = new LinkedHashMap<>();
    angles.forEach(
        a -> transforms.put(TransformName.rotation(a), SpatialTransform.rotation(a / 90 % 4)));
    scales.forEach(s -> transforms.put(TransformName.scale(s), SpatialTransform.scale(s)));
    EquivarianceError equivariance = new EquivarianceError();
    LatentStatistics statistics = new LatentStatistics(vae.config().embedDim());
    LatentSpectrum spectrum = new LatentSpectrum();
    int perLatent = perImage / channels / square(vae.config().downsamplingFactor());
    perLatent *= vae.config().embedDim();
    float[] points = {};
    CodebookUsage usage = vae.codebookUsage().orElse(null);
    double psnr = 0;
    double ssim = 0;
    double distance = 0;
    MatchedSpectra matched = new MatchedSpectra(vae, stream, side);
    int count = 0;
    for (Optional<float[]> next = batches.next(); next.isPresent(); next = batches.next()) {
      float[] x = next.get();
      int n = x.length / perImage;
      drawn = count;
      float[] y = decode(x, n, side, SpatialTransform.IDENTITY, usage);
      for (int i = 0; i < n; i++) {
        float[] a = OneByOne.image(x, i, perImage);
        float[] b = OneByOne.image(y, i, perImage);
        psnr += Psnr.uint8(a, b);
        ssim += Ssim.of(ssimVariant, a, b, side, side, channels);
      }
      distance += lpips == null ? 0 : n * lpips(x, y, n, side);
      if (rfid != null) {
        rfid.add(x, y, n, side, side, channels);
      }
      float[] z = latents(x, n, side, transforms, equivariance, statistics, spectrum, matched);
      int more = Math.min(z.length, DIMENSION_LATENTS * perLatent - points.length);
      if (more > 0) {
        points = Arrays.copyOf(points, points.length + more);
        System.arraycopy(z, 0, points, points.length - more, more);
      }
      count += n;
    }
    if (count == 0) {
      throw new EqvaeException.Argument("There are no images to measure on");
    }
    return new Evaluation(
        count,
        psnr / count,
        ssim / count,
        ssimVariant,
        lpips == null ? OptionalDouble.empty() : OptionalDouble.of(distance / count),
        rfid == null || rfid.count() < 2 ? OptionalDouble.empty() : OptionalDouble.of(rfid.value()),
        TransformName.errors(equivariance, angles, TransformName::rotation),
        TransformName.errors(equivariance, scales, TransformName::scale),
        statistics,
        spectrum,
        matched.sum() / count,
        IntrinsicDimension.twoNN(points, perLatent, IntrinsicDimension.DISCARD).stream()
            .mapToDouble(IntrinsicDimension::dimension)
            .findFirst(),
        Optional.ofNullable(usage));
  }

  private static int square(int n) {
    return n * n;
  }

  /** Adds to all figures of the latents, and returns them. */
  private float[] latents(
      float[] x,
      int n,
      int side,
      Map<String, SpatialTransform> transforms,
      EquivarianceError equivariance,
      LatentStatistics statistics,
      LatentSpectrum spectrum,
      MatchedSpectra matched) {
    int f = vae.config().downsamplingFactor();
    int e = vae.config().embedDim();
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor input = upload(x, n, side);
    Tensor z = dense(tape, vae.mode(tape, vae.encode(tape, input)));
    float[] latent = z.toFloats(stream);
    tape.releaseAll();
    matched.add(tape, input, z);
    int h = side / f;
    statistics.add(latent, h);
    for (int i = 0; i < n; i++) {
      spectrum.add(OneByOne.image(latent, i, h * h * e), h, h, e);
    }
    transforms.forEach(
        (name, tau) -> {
          Tensor a = tau.onLatent(tape, z);
          Tensor transformed = tau.onImage(tape, input, f);
          Tensor b = dense(tape, vae.mode(tape, vae.encode(tape, transformed)));
          equivariance.add(name, a.toFloats(stream), b.toFloats(stream), n);
          arena.release(b);
          tape.releaseAll(); // one τ after the other, in the memory of one
        });
    arena.reset();
    return latent;
  }

  private Tensor dense(Tape tape, Tensor view) {
    Tensor copy = tape.arena().tensor(view.shape());
    view.copyTo(stream, copy);
    return copy;
  }

  private Tensor upload(float[] x, int n, int side) {
    Tensor t = arena.tensor(Shape.of(n, side, side, x.length / ((long) n * side * side)));
    t.set(stream, x);
    return t;
  }

  /**
   * Encodes and decodes images, without sampling.
   *
   * @param x {@code [n, side, side, channels]} in [-1, 1]
   * @param n how many
   * @param side their side
   * @return the reconstructions, same layout, not clamped
   */
  public float[] reconstruct(float[] x, int n, int side) {
    return decode(x, n, side, SpatialTransform.IDENTITY);
  }

  /**
   * Encodes images, transforms the latents, quantises where the model does, decodes.
   *
   * @param x {@code [n, side, side, channels]} in [-1, 1]
   * @param n how many
   * @param side their side
   * @param tau the transform
   * @return the decoded images, not clamped; their size is that of the transformed images
   */
  public float[] decode(float[] x, int n, int side, SpatialTransform tau) {
    return OneByOne.run(
        x,
        n,
        (one, i) -> {
          drawn = i;
          return decode(one, 1, side, tau, null);
        });
  }

  private float[] decode(
      float[] x, int n, int side, SpatialTransform tau, @Nullable CodebookUsage usage) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor encoded = vae.encode(tape, upload(x, n, side));
    Tensor z =
        sampleSeed.isPresent()
            ? vae.latent(tape, encoded, shape -> noise(tape, shape))
            : vae.mode(tape, encoded);
    Autoencoder.Bottleneck bottleneck = vae.bottleneck(tape, tau.onLatent(tape, z));
    if (usage != null) {
      usage.add(bottleneck, stream);
    }
    Tensor value = dense(tape, bottleneck.value());
    tape.releaseAll();
    float[] y = vae.decode(tape, value).toFloats(stream);
    arena.reset();
    return y;
  }

  /**
   * Transforms images.
   *
   * @param x {@code [n, side, side, channels]}
   * @param n how many
   * @param side their side
   * @param tau the transform
   * @return the transformed images
   */
  public float[] transform(float[] x, int n, int side, SpatialTransform tau) {
    return OneByOne.run(
        x,
        n,
        (one, i) -> {
          Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
          Tensor image = upload(one, 1, side);
          float[] y = tau.onImage(tape, image, vae.config().downsamplingFactor()).toFloats(stream);
          arena.reset();
          return y;
        });
  }

  /**
   * The latents of images: posterior means, or vectors before they are quantised.
   *
   * @param x {@code [n, side, side, channels]} in [-1, 1]
   * @param n how many
   * @param side their side
   * @param tau applied to the latents
   * @return {@code [n, h, w, embed_dim]}
   */
  public float[] encode(float[] x, int n, int side, SpatialTransform tau) {
    return OneByOne.run(
        x,
        n,
        (one, i) -> {
          Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
          Tensor z = tau.onLatent(tape, vae.mode(tape, vae.encode(tape, upload(one, 1, side))));
          float[] out = dense(tape, z).toFloats(stream);
          arena.reset();
          return out;
        });
  }

  /** Noise of each image by its number among all that are measured. */
  private Tensor noise(Tape tape, Shape shape) {
    Tensor noise = tape.arena().tensor(shape);
    for (int i = 0; i < shape.size(0); i++) {
      noise.narrow(0, i, 1).normal(stream, sampleSeed.orElse(0), NOISE + drawn + i, 0, 1);
    }
    return noise;
  }

  private double lpips(float[] x, float[] y, int n, int side) {
    if (lpips == null) {
      return Double.NaN;
    }
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] d = lpips.forward(tape, upload(x, n, side), upload(y, n, side)).toFloats(stream);
    arena.reset();
    return OneByOne.sum(d) / n;
  }

  @Override
  public void close() {
    arena.close();
  }
}
