package io.github.eqvae.eval;

import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Measures an autoencoder on images: reconstruction (PSNR, SSIM, LPIPS, rFID and other distances of
 * features), the paper's equivariance error for each transform, latent statistics, spectrum and
 * intrinsic dimension, and the usage of a codebook. Latents are posterior means, or vectors before
 * quantisation: the values that τ is applied to. The result is deterministic unless {@link
 * #samplePosterior} is called.
 */
public final class Evaluator implements AutoCloseable {
  /** The purpose of this class's noise, which separates it from other random numbers. */
  private static final long NOISE = 0x5EED_0E7A_0000_0000L;

  private final Autoencoder vae;
  private final @Nullable Lpips lpips;
  private final Stream stream;
  private final TensorArena arena;
  private final boolean owns;
  private OptionalLong sampleSeed = OptionalLong.empty();
  private Ssim.Variant ssimVariant = Ssim.Variant.SCIKIT_IMAGE;
  private int drawn;

  /**
   * Creates an evaluator.
   *
   * @param vae the model
   * @param lpips the perceptual distance, null to leave it out
   * @param stream orders the work
   */
  public Evaluator(Autoencoder vae, @Nullable Lpips lpips, Stream stream) {
    this(vae, lpips, stream, new TensorArena(stream.device(), "evaluation"), true);
  }

  private Evaluator(
      Autoencoder vae, @Nullable Lpips lpips, Stream stream, TensorArena arena, boolean owns) {
    this.vae = vae;
    this.lpips = lpips;
    this.stream = stream;
    this.arena = arena;
    this.owns = owns;
  }

  /**
   * Creates an evaluator that works in memory of the caller, all of which is free again when the
   * evaluator is closed.
   *
   * @param vae the model
   * @param lpips the perceptual distance, null to leave it out
   * @param stream orders the work
   * @param arena the memory, in which there is nothing
   * @return the evaluator
   */
  public static Evaluator in(
      Autoencoder vae, @Nullable Lpips lpips, Stream stream, TensorArena arena) {
    return new Evaluator(vae, lpips, stream, arena, false);
  }

  /**
   * Computes the memory of an evaluation, without the networks' weights, by one planned pass
   * through them.
   *
   * @param vae the model; on a planning device nothing is computed
   * @param lpips the perceptual distance, null to leave it out
   * @param stream orders the work
   * @param batch images per batch
   * @param side their side
   * @return bytes
   */
  public static long plan(
      Autoencoder vae, @Nullable Lpips lpips, Stream stream, int batch, int side) {
    return EvaluatorMemory.plan(vae, lpips, stream, batch, side);
  }

  /**
   * From now on reconstructs from samples of the posterior instead of its mode. The latents'
   * metrics are still those of the mode.
   *
   * @param seed seed of the noise
   */
  public void samplePosterior(long seed) {
    sampleSeed = OptionalLong.of(seed);
  }

  /**
   * Chooses the variant of the structural similarity; the default is scikit-image's.
   *
   * @param variant the variant from now on
   */
  public void ssim(Ssim.Variant variant) {
    ssimVariant = variant;
  }

  /**
   * Measures the model, without distances of features.
   *
   * @param images {@code count} images, {@code [count, side, side, channels]} in [-1, 1]
   * @param count number of images
   * @param side their side; a multiple of the downsampling factor
   * @param batch images per batch
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @return the results
   */
  public Evaluation measure(
      float[] images, int count, int side, int batch, List<Integer> angles, List<Double> scales) {
    int perImage = side * side * vae.config().inChannels();
    ArrayBatches batches = new ArrayBatches(images, count, perImage, batch);
    return measure(batches, side, angles, scales, ReconstructionDistances.NONE);
  }

  /** Provides the images in batches. */
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
   * Measures the model on images of which only one batch is in memory at a time.
   *
   * @param batches the images, at least one
   * @param side their side; a multiple of the downsampling factor
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @param distances collect images and reconstructions
   * @return the results
   */
  public Evaluation measure(
      Batches batches,
      int side,
      List<Integer> angles,
      List<Double> scales,
      ReconstructionDistances distances) {
    return measure(batches, side, angles, scales, distances, SharedBatches.ALONE).orElseThrow();
  }

  /**
   * The same by several ranks, which all read all images.
   *
   * @param batches the images, at least one
   * @param side their side; a multiple of the downsampling factor
   * @param angles rotations in degrees, multiples of 90
   * @param scales scales in (0, 1)
   * @param distances collect images and reconstructions
   * @param shared who computes which batch
   * @return the results in the first rank, with the bits of one rank; empty in others
   */
  public Optional<Evaluation> measure(
      Batches batches,
      int side,
      List<Integer> angles,
      List<Double> scales,
      ReconstructionDistances distances,
      SharedBatches shared) {
    Map<String, SpatialTransform> transforms = TransformName.all(angles, scales);
    if (shared.isShared()) {
      shared.begin(
          new EvaluationKey(vae, lpips, distances, stream)
              .of(side, transforms.keySet(), ssimVariant, sampleSeed));
    }
    int perImage = side * side * vae.config().inChannels();
    EvaluationSums sums =
        new EvaluationSums(vae, side, List.copyOf(transforms.keySet()), distances);
    List<SharedBatches.Batch> round = new ArrayList<>();
    List<SpatialTransform> taus = List.copyOf(transforms.values());
    int count = 0;
    Optional<float[]> next = batches.next();
    while (next.isPresent()) {
      float[] x = next.get();
      int first = count;
      int named = sampleSeed.isPresent() ? first : 0; // for the noise
      round.add(
          SharedBatches.batch(
              () -> PackedArrays.pack(x, new int[] {named}),
              () -> figures(x, first, side, taus, distances).arrays()));
      count += x.length / perImage;
      next = batches.next();
      if (round.size() == shared.round() || next.isEmpty()) {
        shared.run(round).forEach(arrays -> sums.add(BatchFigures.of(arrays)));
        round.clear();
      }
    }
    return shared.isFirst()
        ? Optional.of(sums.result(angles, scales, ssimVariant, lpips != null))
        : Optional.empty();
  }

  /** Computes the figures of a batch whose first image has this number among all. */
  BatchFigures figures(
      float[] x,
      int first,
      int side,
      List<SpatialTransform> transforms,
      ReconstructionDistances distances) {
    int channels = vae.config().inChannels();
    int perImage = side * side * channels;
    int n = x.length / perImage;
    drawn = first;
    List<int[]> codes = new ArrayList<>();
    float[] y = decode(x, n, side, SpatialTransform.IDENTITY, codes::add);
    double[] psnr = new double[n];
    double[] ssim = new double[n];
    for (int i = 0; i < n; i++) {
      float[] a = OneByOne.image(x, i, perImage);
      float[] b = OneByOne.image(y, i, perImage);
      psnr[i] = Psnr.uint8(a, b);
      ssim[i] = Ssim.of(ssimVariant, a, b, side, side, channels);
    }
    double[] distance = {lpips == null ? 0 : n * lpips(x, y, n, side)};
    float[][] features = distances.features(x, y, n, side, channels);
    double[] errors = new double[transforms.size() * n];
    double[] divergence = new double[1];
    float[] z = latents(x, n, side, transforms, errors, divergence);
    int[] used = codes.isEmpty() ? new int[0] : codes.getFirst();
    return new BatchFigures(psnr, ssim, distance, z, errors, divergence, used, features);
  }

  /** Computes latents, their errors under each transform, and the divergence of their spectra. */
  private float[] latents(
      float[] x,
      int n,
      int side,
      List<SpatialTransform> transforms,
      double[] errors,
      double[] divergence) {
    int f = vae.config().downsamplingFactor();
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor input = upload(x, n, side);
    Tensor z = dense(tape, vae.mode(tape, vae.encode(tape, input)));
    float[] latent = z.toFloats(stream);
    tape.releaseAll();
    divergence[0] = new MatchedSpectra(vae, stream, side).of(tape, input, z);
    for (int t = 0; t < transforms.size(); t++) {
      Tensor a = transforms.get(t).onLatent(tape, z);
      Tensor transformed = transforms.get(t).onImage(tape, input, f);
      Tensor b = dense(tape, vae.mode(tape, vae.encode(tape, transformed)));
      double[] ratios = EquivarianceError.ratios(a.toFloats(stream), b.toFloats(stream), n);
      System.arraycopy(ratios, 0, errors, t * n, n);
      arena.release(b);
      tape.releaseAll(); // the transforms use the same memory, one after the other
    }
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
   * @param n number of images
   * @param side their side
   * @return the reconstructions, same layout, not clamped
   */
  public float[] reconstruct(float[] x, int n, int side) {
    return decode(x, n, side, SpatialTransform.IDENTITY);
  }

  /**
   * Encodes images, transforms the latents, quantises them if the model has a codebook, and
   * decodes.
   *
   * @param x {@code [n, side, side, channels]} in [-1, 1]
   * @param n number of images
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
          return decode(one, 1, side, tau, codes -> {});
        });
  }

  private float[] decode(float[] x, int n, int side, SpatialTransform tau, Consumer<int[]> codes) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor encoded = vae.encode(tape, upload(x, n, side));
    Tensor z =
        sampleSeed.isPresent()
            ? vae.latent(tape, encoded, shape -> noise(tape, shape))
            : vae.mode(tape, encoded);
    Autoencoder.Bottleneck bottleneck = vae.bottleneck(tape, tau.onLatent(tape, z));
    Autoencoder.Quantization quantization = bottleneck.quantization();
    if (quantization != null) {
      codes.accept(quantization.index().toInts(stream));
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
   * @param n number of images
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
   * @param n number of images
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

  /** Noise that depends only on the image's number among all images. */
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
    if (owns) {
      arena.close();
    } else {
      arena.reset();
    }
  }
}
