package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Arithmetic;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Permute;
import io.github.eqvae.op.Resample;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.SortedSet;
import java.util.TreeMap;

/**
 * The divergence of a latent's spectrum from that of its image: KL(p_x ‖ p_z) of 16 numbers each.
 * The image is blurred (7×7, σ 1.2; not for latents of 32×32), resized to the latent's size
 * (bicubic, not antialiased), and both go through an orthonormal two-dimensional DCT-II. Its
 * squares are averaged over channels and over 16 rings of equal width around the constant term,
 * which is left out; p is log(1 + mean of the ring), divided by the sum over rings. Source:
 * Spectrum Matching (arXiv 2603.14645), forever208/SpectrumMatching {@code utils_DCT.py}, {@code
 * latent_spectral_reg_dct} with its defaults; the source raises powers to at least 1e-8, this class
 * does not.
 */
public final class SpectrumMatching implements AutoCloseable {
  /** Rings of frequencies. */
  public static final int BINS = 16;

  private static final double EPS = 1e-8;
  private static final int BLUR = 7;
  private static final double SIGMA = 1.2;

  /** The reference does not blur images of 256 px for the 32×32 latents of f8. */
  private static final int UNBLURRED = 32;

  private record OfSide(Parameter dct, Parameter rings) {}

  private final TreeMap<Integer, OfSide> sides = new TreeMap<>();
  private final Parameter blur;
  private final Parameter meanOfImage;
  private final Parameter meanOfLatent;
  private final Parameter ones;
  private final Parameter one;
  private final Parameter eps;
  private final ParameterStore constants;

  /**
   * Makes the matrices.
   *
   * @param imageChannels of the images
   * @param latentChannels of the latents
   * @param latentSides the sides that latents can have, in pixels; they are square
   * @param stream orders the work
   */
  public SpectrumMatching(
      int imageChannels, int latentChannels, SortedSet<Integer> latentSides, Stream stream) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    for (int h : latentSides) {
      Parameter dct = builder.root().buffer("dct" + h, Init.ZEROS, h, h);
      Parameter rings = builder.root().buffer("rings" + h, Init.ZEROS, BINS, (long) h * h);
      sides.put(h, new OfSide(dct, rings));
    }
    blur = builder.root().buffer("blur", Init.ZEROS, imageChannels, imageChannels, BLUR, BLUR);
    meanOfImage = builder.root().buffer("of_image", Init.ZEROS, BINS, imageChannels * BINS);
    meanOfLatent = builder.root().buffer("of_latent", Init.ZEROS, BINS, latentChannels * BINS);
    ones = builder.root().buffer("ones", Init.ONES, BINS, BINS);
    one = builder.root().buffer("one", Init.ONES, BINS);
    eps = builder.root().buffer("eps", new Init.Constant((float) EPS), BINS);
    constants = builder.build(stream, 0, false);
    sides.forEach(
        (h, p) -> {
          p.dct().value().set(stream, dct(h));
          p.rings().value().set(stream, rings(h));
        });
    blur.value().set(stream, Windows.gaussian(imageChannels, BLUR, SIGMA));
    meanOfImage.value().set(stream, mean(imageChannels));
    meanOfLatent.value().set(stream, mean(latentChannels));
  }

  /**
   * The divergence for each ring; the sum over rings is that of a sample.
   *
   * @param tape the tape
   * @param image in [-1, 1], {@code [N, f·h, f·h, C]}
   * @param latent {@code [N, h, h, c]}; the gradient flows here
   * @return {@code [N, 16]}
   */
  public Tensor forward(Tape tape, Tensor image, Tensor latent) {
    int h = latent.shape().size(1);
    Tensor x = h == UNBLURRED ? image : tape.apply(new Conv2d(1, BLUR / 2), image, blur.value());
    Tensor small =
        x.shape().dim(1) == h
            ? x
            : tape.apply(new Resample(h, h, Interpolation.BICUBIC, 0, false, false), x);
    Tensor px = shares(tape, small, meanOfImage);
    Tensor pz = shares(tape, latent, meanOfLatent);
    Tensor difference = tape.apply(WeightedSum.of(1, -1), log(tape, px, eps), log(tape, pz, eps));
    return tape.apply(Arithmetic.PRODUCT, px, difference);
  }

  /** log(1 + power) of each ring, divided by the sum over rings. */
  private Tensor shares(Tape tape, Tensor t, Parameter mean) {
    Tensor power = log(tape, power(tape, t, mean), one);
    Tensor sum = tape.apply(new Linear(), power, ones.value());
    Tensor divisor = tape.apply(new ChannelAffine(), sum, one.value(), eps.value());
    return tape.apply(Arithmetic.QUOTIENT, power, divisor);
  }

  private Tensor log(Tape tape, Tensor t, Parameter shift) {
    Tensor moved = tape.apply(new ChannelAffine(), t, one.value(), shift.value());
    return tape.apply(Arithmetic.LOGARITHM, moved);
  }

  private Tensor power(Tape tape, Tensor t, Parameter mean) {
    Shape s = t.shape();
    int h = s.size(1);
    OfSide of = sides.get(h);
    if (of == null || s.size(2) != h) {
      throw new EqvaeException.Argument(
          "Spectrum matching was made for square latents of "
              + sides.keySet()
              + " pixels, got "
              + s);
    }
    Tensor planes = tape.apply(Permute.of(0, 3, 1, 2), t); // [N, C, h, h]
    Tensor rows = tape.apply(new Linear(), planes, of.dct().value());
    Tensor turned = tape.apply(Permute.of(0, 1, 3, 2), rows);
    Tensor both = tape.apply(new Linear(), turned, of.dct().value());
    Tensor squares = tape.apply(Arithmetic.PRODUCT, both, both);
    Tensor flat = tape.apply(new Reshape(Shape.of(s.dim(0), s.dim(3), (long) h * h)), squares);
    Tensor rings = tape.apply(new Linear(), flat, of.rings().value()); // [N, C, 16]
    Tensor all = tape.apply(new Reshape(Shape.of(s.dim(0), s.dim(3) * BINS)), rings);
    return tape.apply(new Linear(), all, mean.value());
  }

  private static float[] dct(int n) {
    float[] m = new float[n * n];
    for (int k = 0; k < n; k++) {
      for (int i = 0; i < n; i++) {
        double norm = Math.sqrt((k == 0 ? 1.0 : 2.0) / n);
        m[k * n + i] = (float) (norm * Math.cos(Math.PI * (2 * i + 1) * k / (2.0 * n)));
      }
    }
    return m;
  }

  /**
   * Each ring's mean over its frequencies; the constant term is one of them, but its power is 0.
   */
  private static float[] rings(int h) {
    int[] of = new int[h * h];
    int[] count = new int[BINS];
    float largest = Math.max(1, (float) Math.sqrt(2.0 * (h - 1) * (h - 1)));
    for (int i = 0; i < of.length; i++) {
      int u = i / h;
      int v = i % h;
      // in single precision, as in the source, so that a frequency on the border of two rings is in
      // the same ring
      float radius = (float) Math.sqrt(u * u + v * v);
      of[i] = Math.min(BINS - 1, (int) Math.floor(radius / largest * BINS));
      count[of[i]]++;
    }
    float[] m = new float[BINS * h * h];
    for (int i = 1; i < of.length; i++) {
      m[of[i] * h * h + i] = 1.0f / count[of[i]];
    }
    return m;
  }

  private static float[] mean(int channels) {
    float[] m = new float[BINS * BINS * channels];
    for (int bin = 0; bin < BINS; bin++) {
      for (int c = 0; c < channels; c++) {
        m[bin * channels * BINS + c * BINS + bin] = 1.0f / channels;
      }
    }
    return m;
  }

  @Override
  public void close() {
    constants.close();
  }
}
