package io.github.eqvae.equivariance;

import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * nll = (|target − reconstruction| + LPIPS and optional terms) / exp(logvar) + logvar.
 *
 * @param measures what images are compared with
 * @param loss the weights
 */
record ReconstructionLoss(Measures measures, LossOptions loss) {
  /** The weights of a pixel and of an image in a batch. */
  private record Units(double pixel, double sample) {}

  private Units units(Shape image, long batch) {
    long perImage = image.elements() / image.dim(0);
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    double precision = Math.exp(-loss.logvar());
    return new Units(
        precision * (released ? 1.0 / batch : 1.0 / (batch * (double) perImage)),
        precision * (released ? perImage : 1) / batch);
  }

  void add(
      Tape tape,
      Pass p,
      long batch,
      EqObjective.Noise noise,
      List<Seed> seeds,
      LossCollector report) {
    Shape image = p.reconstruction().shape();
    long n = image.dim(0);
    long perImage = image.elements() / n;
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    Units unit = units(image, batch);
    LossTermOptions more = loss.terms();
    boolean squares = loss.pixelLoss() == LossOptions.PixelLossKind.L2;
    PixelLoss.Kind first = squares ? PixelLoss.Kind.L2 : PixelLoss.Kind.L1;
    pixels(tape, "rec", new PixelLoss(first, unit.pixel()), 1, p, seeds, report);
    double constant = loss.logvar() * (released ? perImage : 1) * n / batch;
    report.add("nll", constant);
    report.add("total", constant);
    if (more.l2Weight() > 0) {
      PixelLoss l2 = new PixelLoss(PixelLoss.Kind.L2, unit.pixel() * more.l2Weight());
      pixels(tape, "l2", l2, 1, p, seeds, report);
    }
    if (more.charbonnierWeight() > 0) {
      double scale = unit.pixel() * more.charbonnierWeight();
      PixelLoss smooth =
          new PixelLoss(PixelLoss.Kind.CHARBONNIER, scale, more.charbonnierEpsilon());
      pixels(tape, "charbonnier", smooth, 1, p, seeds, report);
    }
    if (more.ssimWeight() > 0) {
      addSsim(tape, p, unit.sample(), seeds, report);
    }
    if (loss.perceptualWeight() > 0) {
      double weight = loss.perceptualWeight() * unit.sample();
      Tensor distance =
          Objects.requireNonNull(measures.lpips())
              .forward(tape, p.target(), p.reconstruction(), dropout(tape, p, noise));
      Tensor value = tape.apply(new Sum(weight), distance); // of [n]
      count(tape, "perceptual", 1, value, unit.sample() * n, p, seeds, report);
    }
  }

  private Lpips.@Nullable Dropout dropout(Tape tape, Pass p, EqObjective.Noise noise) {
    return loss.terms().lpipsDropout()
        ? (level, shape) ->
            noise.draw(EqObjective.Extra.LPIPS_DROPOUT, level, tape, shape, p.group())
        : null;
  }

  /** Weight times 1 − SSIM, the mean over a sample's windows and channels. */
  private void addSsim(
      Tape tape, Pass p, double perSample, List<Seed> seeds, LossCollector report) {
    Tensor map =
        Objects.requireNonNull(measures.ssim()).forward(tape, p.target(), p.reconstruction());
    long n = map.shape().dim(0);
    double weight = loss.terms().ssimWeight() * perSample;
    Tensor value = tape.apply(new Sum(-weight * n / map.shape().elements()), map);
    report.add("nll", weight * n);
    report.add("total", weight * n);
    report.add("ssim_loss", p.share() * loss.terms().ssimWeight());
    count(tape, "ssim_loss", 1, value, perSample * n, p, seeds, report);
  }

  /**
   * The divergence of spectra: separate from the others, because it gives the decoder no gradient.
   */
  void addSpectrum(Tape tape, Pass p, long batch, List<Seed> seeds, LossCollector report) {
    double perSample = units(p.reconstruction().shape(), batch).sample();
    double weight = loss.terms().spectrumWeight() * perSample;
    Tensor rings = Objects.requireNonNull(p.spectrum());
    Tensor value = tape.apply(new Sum(weight), rings);
    seeds.add(tape.seed(value, 1));
    report.add("spectrum_loss", value, p.share() / (perSample * rings.shape().dim(0)));
    report.add("total", value, 1);
  }

  /** Adds a loss that is summed over pixels; its mean over pixels is reported. */
  private static void pixels(
      Tape tape,
      String name,
      PixelLoss of,
      double factor,
      Pass p,
      List<Seed> seeds,
      LossCollector report) {
    Tensor value = tape.apply(of, p.reconstruction(), p.target());
    double mean = of.scale() * p.reconstruction().shape().elements();
    count(tape, name, factor, value, mean, p, seeds, report);
  }

  /**
   * Adds {@code factor · value} to the loss and reports {@code value / mean}, weighted by the share
   * of the group in the batch.
   */
  private static void count(
      Tape tape,
      String name,
      double factor,
      Tensor value,
      double mean,
      Pass p,
      List<Seed> seeds,
      LossCollector report) {
    seeds.add(tape.seed(value, factor));
    report.add(name, value, p.share() / mean);
    report.add("nll", value, factor);
    report.add("total", value, factor);
  }
}
