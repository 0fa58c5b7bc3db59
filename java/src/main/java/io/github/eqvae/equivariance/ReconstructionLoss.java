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
 * nll = |target − reconstruction| + LPIPS and a squared difference if asked for, over exp(logvar),
 * plus logvar.
 *
 * @param lpips null where its weight is 0
 * @param loss the weights
 */
record ReconstructionLoss(@Nullable Lpips lpips, LossOptions loss) {
  void add(Tape tape, Pass p, long batch, List<Seed> seeds, LossCollector report) {
    Shape image = p.reconstruction().shape();
    long n = image.dim(0);
    long perImage = image.elements() / n;
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    double precision = Math.exp(-loss.logvar());
    double unit = precision * (released ? 1.0 / batch : 1.0 / (batch * (double) perImage));
    double perSample = precision * (released ? perImage : 1) / batch;
    LossTermOptions more = loss.terms();
    count(
        tape,
        "rec",
        1,
        pixels(tape, loss.pixelLoss(), p, unit),
        unit * image.elements(),
        p,
        seeds,
        report);
    double constant = loss.logvar() * (released ? perImage : 1) * n / batch;
    report.add("nll", constant);
    report.add("total", constant);
    if (more.l2Weight() > 0) {
      double scale = unit * more.l2Weight();
      Tensor value = pixels(tape, LossOptions.PixelLossKind.L2, p, scale);
      count(tape, "l2", 1, value, scale * image.elements(), p, seeds, report);
    }
    if (loss.perceptualWeight() > 0) {
      double weight = loss.perceptualWeight() * perSample;
      Tensor distance = Objects.requireNonNull(lpips).forward(tape, p.target(), p.reconstruction());
      Tensor value = tape.apply(new Sum(weight), distance); // of [n]
      count(tape, "perceptual", 1, value, perSample * n, p, seeds, report);
    }
  }

  /** A sum over pixels times a scale, a scalar. */
  private static Tensor pixels(Tape tape, LossOptions.PixelLossKind kind, Pass p, double scale) {
    PixelLoss.Kind of =
        kind == LossOptions.PixelLossKind.L1 ? PixelLoss.Kind.L1 : PixelLoss.Kind.L2;
    return tape.apply(new PixelLoss(of, scale), p.reconstruction(), p.target());
  }

  /** Counts a value, times a factor; what is reported of it is value / mean, by its share. */
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
