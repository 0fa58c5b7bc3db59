package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.eval.LatentStatistics;
import io.github.eqvae.eval.MeasuredDistance;
import io.github.eqvae.eval.ReconstructionDistance;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.report.Machine;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Figures and pictures of one evaluated model.
 *
 * @param evaluation the figures
 * @param pictures of some images and latents
 * @param sample seed of the samples of the posterior that were decoded; empty: its mode was
 * @param machine what it was measured on
 * @param measured which weights and which pictures
 * @param with hashes of all weights that took part
 */
public record MeasuredModel(
    Evaluation evaluation,
    ModelPictures pictures,
    OptionalLong sample,
    Machine machine,
    Measured measured,
    MeasuredWith with) {
  /** Images that reports show. */
  public static final int SHOWN = 8;

  /**
   * The same, of pictures of another folder.
   *
   * @param folder the folder
   * @return the figures
   */
  public MeasuredModel on(Path folder) {
    return new MeasuredModel(evaluation, pictures, sample, machine, measured.on(folder), with);
  }

  /** Measures; ranks after the first get nothing. */
  static Optional<MeasuredModel> of(
      Autoencoder vae,
      @Nullable Lpips lpips,
      ReconstructionDistances distances,
      Stream stream,
      AutoencoderRecipe recipe,
      Evaluator.Batches images,
      float[] x,
      OptionalLong sample,
      TensorArena memory,
      Measured measured,
      SharedBatches shared)
      throws IOException {
    int side = recipe.data().resolution();
    int channels = recipe.data().channels();
    try (Evaluator evaluator = Evaluator.in(vae, lpips, stream, memory)) {
      sample.ifPresent(evaluator::samplePosterior);
      evaluator.ssim(recipe.evaluation().ssim());
      Optional<Evaluation> evaluation =
          evaluator.measure(
              images,
              side,
              recipe.evaluation().angles(),
              recipe.evaluation().scales(),
              distances,
              shared);
      if (evaluation.isEmpty()) {
        return Optional.empty();
      }
      return Optional.of(
          new MeasuredModel(
              evaluation.get(),
              ModelPictures.of(evaluator, vae, x, side, channels),
              sample,
              Machine.of(recipe.run().device(), stream.device().info()),
              measured,
              MeasuredWith.of(
                  vae,
                  stream,
                  lpips == null ? Optional.empty() : recipe.objective().lpipsWeights(),
                  recipe.evaluation().inceptionWeights())));
    }
  }

  /** Held-out images for the evaluator. */
  static Evaluator.Batches batches(HeldOut images) {
    return () -> {
      try {
        return images.next();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  /**
   * Refuses figures that are NaN, and latents that are all the same.
   *
   * @param model what was measured, for the message
   * @throws EqvaeException.Argument if any is NaN, or all latents are the same
   */
  public void requireFinite(Path model) {
    double std = evaluation.statistics().std();
    if (Double.isNaN(evaluation.psnr()) || Double.isNaN(evaluation.ssim()) || Double.isNaN(std)) {
      throw new EqvaeException.Argument(
          model
              + ": the latents or reconstructions of some pictures are not finite (NaN), although"
              + " its weights are: activations overflow. "
              + Invocation.shown("reconstruct", model, "PICTURES", "OUT")
              + " names the pictures");
    }
    evaluation.statistics().range().requireContent(model.toString());
  }

  /**
   * The figures for people.
   *
   * @return whole lines
   */
  public String text() {
    Evaluation e = evaluation;
    LatentStatistics s = e.statistics();
    StringBuilder out = new StringBuilder();
    line(out, "images", "%d", e.images());
    sample.ifPresent(seed -> line(out, "decoded", "samples of the posterior, seed %d", seed));
    line(out, "PSNR", "%.2f dB", e.psnr());
    line(out, "SSIM, " + e.ssimVariant().title(), "%.4f", e.ssim());
    e.lpips().ifPresent(v -> line(out, "LPIPS", "%.4f", v));
    distances(out);
    line(
        out,
        "equivariance error, rotation",
        "%.4f   %s",
        e.rotationError(),
        pairs("%s° %.4f  ", e.rotationErrors()));
    line(
        out,
        "equivariance error, scale",
        "%.4f   %s",
        e.scaleError(),
        pairs("×%s %.4f  ", e.scaleErrors()));
    e.codebook()
        .ifPresent(
            u ->
                line(
                    out,
                    "codes used, perplexity",
                    "%d of %d, %.1f",
                    u.used(),
                    u.codes(),
                    u.perplexity()));
    line(out, "latent mean, std", "%.4f, %.4f", s.mean(), s.std());
    line(out, "recommended scaling factor", "%.5f (shift %.4f)", s.scalingFactor(), s.mean());
    if (!s.range().constant().isEmpty()) {
      line(out, "latent channels without content", "%s", s.range().constant());
    }
    line(out, "latent high-frequency share", "%.4f", e.spectrum().highFrequencyShare());
    line(out, "spectrum, latent from image", "%.4f", e.spectrumDivergence());
    e.intrinsicDimension().ifPresent(v -> line(out, "latent intrinsic dimension", "%.1f", v));
    return out.toString();
  }

  /** Shown only together with PSNR, SSIM and LPIPS. */
  private void distances(StringBuilder out) {
    if (evaluation.lpips().isEmpty() && !evaluation.distances().isEmpty()) {
      line(out, "LPIPS", "%s", MeasuredWith.NO_LPIPS);
    }
    for (MeasuredDistance d : evaluation.distances()) {
      if (d.key().equals(ReconstructionDistance.RFID)) {
        line(out, "rFID, of pytorch-fid", "%.3f", d.value());
      } else {
        line(out, d.extractor().title(), "%.4f   (%s)", d.value(), d.by());
      }
    }
  }

  private static void line(StringBuilder out, String name, String format, Object... values) {
    out.append(String.format(Locale.ROOT, "%-29s ", name));
    out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String pairs(String format, Map<String, Double> values) {
    StringBuilder out = new StringBuilder();
    values.forEach((k, v) -> out.append(String.format(Locale.ROOT, format, k, v)));
    return out.toString().stripTrailing();
  }

  /**
   * The figures for programs.
   *
   * @return JSON, as {@link ResultFile} lays it out
   */
  public String json() {
    Evaluation e = evaluation;
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("machine", machine.json());
    map.put("measured", measured.json());
    map.putAll(with.json());
    map.put("images", e.images());
    map.put("posterior", sample.isPresent() ? "sample" : "mode");
    sample.ifPresent(seed -> map.put("seed", seed));
    map.put("psnr", e.psnr());
    map.put("ssim", e.ssim());
    map.put("ssim_variant", e.ssimVariant().name().toLowerCase(Locale.ROOT));
    e.lpips()
        .ifPresentOrElse(
            v -> map.put("lpips", v),
            () -> map.put("left_out", Map.of("lpips", MeasuredWith.NO_LPIPS)));
    e.distances().forEach(d -> map.put(d.key(), d.value()));
    List<Map<String, Object>> extractors =
        e.distances().stream()
            .filter(d -> !d.key().equals(ReconstructionDistance.RFID)) // its own names, above
            .map(MeasuredDistance::facts)
            .toList();
    if (!extractors.isEmpty()) {
      map.put("measured_distances", Map.of("extractors", extractors));
    }
    map.put("rotation_error", e.rotationError());
    map.put("scale_error", e.scaleError());
    map.put("rotation_errors", e.rotationErrors());
    map.put("scale_errors", e.scaleErrors());
    e.codebook().ifPresent(u -> map.put("codebook", codebook(u)));
    Map<String, Object> latent = new LinkedHashMap<>();
    List<Double> means = new ArrayList<>();
    List<Double> stds = new ArrayList<>();
    for (int c = 0; c < e.statistics().channels(); c++) {
      means.add(e.statistics().mean(c));
      stds.add(e.statistics().std(c));
    }
    latent.put("mean", e.statistics().mean());
    latent.put("std", e.statistics().std());
    latent.put("channel_mean", means);
    latent.put("channel_std", stds);
    if (!e.statistics().patches().mean().isEmpty()) {
      latent.put("patch_mean", e.statistics().patches().mean());
      latent.put("patch_variance", e.statistics().patches().variance());
    }
    latent.put("scaling_factor", e.statistics().scalingFactor());
    latent.put("shift_factor", e.statistics().mean());
    latent.put("high_frequency_share", e.spectrum().highFrequencyShare());
    latent.put("spectrum", e.spectrum().shares());
    latent.put("spectrum_divergence", e.spectrumDivergence());
    e.intrinsicDimension().ifPresent(v -> latent.put("intrinsic_dimension", v));
    map.put("latent", latent);
    return ResultFile.text(ResultFile.EVALUATION, map);
  }

  private static Map<String, Object> codebook(CodebookUsage u) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("codes", u.codes());
    map.put("used", u.used());
    map.put("perplexity", u.perplexity());
    return map;
  }
}
