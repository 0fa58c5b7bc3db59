package io.github.eqvae.eval;

import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * Measures an autoencoder on images: reconstruction (PSNR, SSIM, LPIPS, rFID), the paper's
 * equivariance error for each transform, latent statistics, spectrum and intrinsic dimension, and
 * how a codebook is used. Latents are posterior means, or vectors before they are quantised: what τ
 * acts on. The result has no randomness.
 */
public final class Evaluator implements AutoCloseable {
  /** The intrinsic dimension is that of the first latents: its time grows with their square. */
  private static final int DIMENSION_LATENTS = 2048;

  private final Autoencoder vae;
  private final @Nullable Lpips lpips;
  private final Stream stream;
  private final Arena arena;

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
    this.arena = new Arena(stream.device(), "evaluation");
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
    int channels = vae.config().inChannels();
    int perImage = side * side * channels;
    Map<String, SpatialTransform> transforms = new LinkedHashMap<>();
    angles.forEach(a -> transforms.put(rotationName(a), SpatialTransform.rotation(a / 90 % 4)));
    scales.forEach(s -> transforms.put(scaleName(s), SpatialTransform.scale(s)));
    EquivarianceError equivariance = new EquivarianceError();
    LatentStatistics statistics = new LatentStatistics(vae.config().embedDim());
    LatentSpectrum spectrum = new LatentSpectrum();
    int perLatent = perImage / channels / square(vae.config().downsamplingFactor());
    perLatent *= vae.config().embedDim();
    float[] points = new float[Math.min(count, DIMENSION_LATENTS) * perLatent];
    CodebookUsage usage = vae.codebookUsage().orElse(null);
    double psnr = 0;
    double ssim = 0;
    double distance = 0;
    for (int start = 0; start < count; start += batch) {
      int n = Math.min(batch, count - start);
      float[] x = new float[n * perImage];
      System.arraycopy(images, start * perImage, x, 0, x.length);
      float[] y = decode(x, n, side, SpatialTransform.IDENTITY, usage);
      for (int i = 0; i < n; i++) {
        float[] a = image(x, i, perImage);
        float[] b = image(y, i, perImage);
        psnr += Psnr.uint8(a, b);
        ssim += Ssim.of(a, b, side, side, channels, 2.0);
      }
      distance += lpips == null ? 0 : n * lpips(x, y, n, side);
      if (rfid != null) {
        rfid.add(x, y, n, side, side, channels);
      }
      float[] z = latents(x, n, side, transforms, equivariance, statistics, spectrum);
      int at = Math.min(start * perLatent, points.length);
      System.arraycopy(z, 0, points, at, Math.min(z.length, points.length - at));
    }
    return new Evaluation(
        count,
        psnr / count,
        ssim / count,
        lpips == null ? OptionalDouble.empty() : OptionalDouble.of(distance / count),
        rfid == null || rfid.count() < 2 ? OptionalDouble.empty() : OptionalDouble.of(rfid.value()),
        errors(equivariance, angles.stream().map(Evaluator::rotationName).toList()),
        errors(equivariance, scales.stream().map(Evaluator::scaleName).toList()),
        statistics,
        spectrum,
        IntrinsicDimension.twoNN(points, perLatent, IntrinsicDimension.DISCARD).stream()
            .mapToDouble(IntrinsicDimension::dimension)
            .findFirst(),
        Optional.ofNullable(usage));
  }

  private static int square(int n) {
    return n * n;
  }

  private static String rotationName(int angle) {
    return angle + "°";
  }

  private static String scaleName(double scale) {
    return "×" + scale;
  }

  private static Map<String, Double> errors(EquivarianceError all, List<String> names) {
    Map<String, Double> out = new LinkedHashMap<>();
    names.forEach(name -> out.put(name, all.mean(name)));
    return out;
  }

  private static float[] image(float[] batch, int index, int perImage) {
    return java.util.Arrays.copyOfRange(batch, index * perImage, (index + 1) * perImage);
  }

  /** Adds to all figures of the latents, and returns them. */
  private float[] latents(
      float[] x,
      int n,
      int side,
      Map<String, SpatialTransform> transforms,
      EquivarianceError equivariance,
      LatentStatistics statistics,
      LatentSpectrum spectrum) {
    int f = vae.config().downsamplingFactor();
    int e = vae.config().embedDim();
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor input = upload(x, n, side);
    Tensor z = dense(tape, vae.mode(tape, vae.encode(tape, input)));
    float[] latent = z.toFloats(stream);
    statistics.add(latent);
    int h = side / f;
    for (int i = 0; i < n; i++) {
      spectrum.add(image(latent, i, h * h * e), h, h, e);
    }
    transforms.forEach(
        (name, tau) -> {
          Tensor a = tau.onLatent(tape, z);
          Tensor transformed = tau.onImage(tape, input, f);
          Tensor b = dense(tape, vae.mode(tape, vae.encode(tape, transformed)));
          equivariance.add(name, a.toFloats(stream), b.toFloats(stream), n);
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
    return decode(x, n, side, tau, null);
  }

  private float[] decode(
      float[] x, int n, int side, SpatialTransform tau, @Nullable CodebookUsage usage) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor z = vae.mode(tape, vae.encode(tape, upload(x, n, side)));
    Autoencoder.Bottleneck bottleneck = vae.bottleneck(tape, tau.onLatent(tape, z));
    if (usage != null) {
      usage.add(bottleneck, stream);
    }
    float[] y = vae.decode(tape, bottleneck.value()).toFloats(stream);
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
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] y =
        tau.onImage(tape, upload(x, n, side), vae.config().downsamplingFactor()).toFloats(stream);
    arena.reset();
    return y;
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
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor z = tau.onLatent(tape, vae.mode(tape, vae.encode(tape, upload(x, n, side))));
    float[] out = dense(tape, z).toFloats(stream);
    arena.reset();
    return out;
  }

  private double lpips(float[] x, float[] y, int n, int side) {
    if (lpips == null) {
      return Double.NaN;
    }
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] d = lpips.forward(tape, upload(x, n, side), upload(y, n, side)).toFloats(stream);
    arena.reset();
    double sum = 0;
    for (float v : d) {
      sum += v;
    }
    return sum / n;
  }

  @Override
  public void close() {
    arena.close();
  }
}
