package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** Sums the figures of batches, in their order, to those of {@link Evaluation}. */
final class EvaluationSums {
  /**
   * The intrinsic dimension is computed from at most this number of latents: its time grows with
   * the square.
   */
  private static final int DIMENSION_LATENTS = 2048;

  private final List<String> transforms;
  private final int latentSide;
  private final int channels;
  private final int perLatent;
  private final ReconstructionDistances distances;
  private final EquivarianceError equivariance = new EquivarianceError();
  private final LatentStatistics statistics;
  private final LatentSpectrum spectrum = new LatentSpectrum();
  private final @Nullable CodebookUsage usage;
  private float[] points = {};
  private double psnr;
  private double ssim;
  private double distance;
  private double divergence;
  private int count;

  EvaluationSums(
      Autoencoder vae, int side, List<String> transforms, ReconstructionDistances distances) {
    this.transforms = transforms;
    this.distances = distances;
    latentSide = side / vae.config().downsamplingFactor();
    channels = vae.config().embedDim();
    perLatent = latentSide * latentSide * channels;
    statistics = new LatentStatistics(channels);
    usage = vae.codebookUsage().orElse(null);
  }

  void add(BatchFigures batch) {
    int n = batch.psnr().length;
    for (int i = 0; i < n; i++) {
      psnr += batch.psnr()[i];
      ssim += batch.ssim()[i];
    }
    distance += batch.lpips()[0];
    distances.addFeatures(batch.features());
    float[] z = batch.latents();
    statistics.add(z, latentSide);
    for (int i = 0; i < n; i++) {
      spectrum.add(OneByOne.image(z, i, perLatent), latentSide, latentSide, channels);
    }
    divergence += batch.divergence()[0];
    for (int t = 0; t < transforms.size(); t++) {
      equivariance.add(
          transforms.get(t), Arrays.copyOfRange(batch.equivariance(), t * n, (t + 1) * n));
    }
    if (usage != null) {
      usage.add(batch.codes());
    }
    int more = Math.min(z.length, DIMENSION_LATENTS * perLatent - points.length);
    if (more > 0) {
      points = Arrays.copyOf(points, points.length + more);
      System.arraycopy(z, 0, points, points.length - more, more);
    }
    count += n;
  }

  Evaluation result(
      List<Integer> angles, List<Double> scales, Ssim.Variant variant, boolean withLpips) {
    if (count == 0) {
      throw new EqvaeException.Argument("There are no images to measure on");
    }
    return new Evaluation(
        count,
        psnr / count,
        ssim / count,
        variant,
        withLpips ? OptionalDouble.of(distance / count) : OptionalDouble.empty(),
        distances.results(),
        TransformName.errors(equivariance, angles, TransformName::rotation),
        TransformName.errors(equivariance, scales, TransformName::scale),
        statistics,
        spectrum,
        divergence / count,
        IntrinsicDimension.twoNN(points, perLatent, IntrinsicDimension.DISCARD).stream()
            .mapToDouble(IntrinsicDimension::dimension)
            .findFirst(),
        Optional.ofNullable(usage));
  }
}
