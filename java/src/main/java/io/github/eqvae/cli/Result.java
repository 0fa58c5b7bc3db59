package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.eval.LatentStatistics;
import io.github.eqvae.eval.RFid;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.HeldOut;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Figures and pictures of one evaluated model.
 *
 * @param evaluation the figures
 * @param pictures rows of encoded pictures by label
 * @param latents rows of encoded latent channels by label
 * @param sample seed of the samples of the posterior that were decoded; empty: its mode was
 * @param machine what it was measured on
 */
record Result(
    Evaluation evaluation,
    Map<String, List<byte[]>> pictures,
    Map<String, List<byte[]>> latents,
    OptionalLong sample,
    Machine machine) {
  /** Images that reports show. */
  static final int SHOWN = 8;

  private static final int ENLARGE = 8;

  /** Of a latent with hundreds of channels the first few are shown. */
  private static final int MOST_CHANNELS = 16;

  static Result of(
      Autoencoder vae,
      @Nullable Lpips lpips,
      @Nullable RFid rfid,
      Stream stream,
      AutoencoderRecipe recipe,
      Evaluator.Batches images,
      float[] x,
      OptionalLong sample,
      long reserved) {
    int side = recipe.data().resolution();
    int channels = recipe.data().channels();
    int each = side * side * channels;
    try (Evaluator evaluator = new Evaluator(vae, lpips, stream)) {
      evaluator.reserve(reserved);
      sample.ifPresent(evaluator::samplePosterior);
      evaluator.ssim(recipe.evaluation().ssim());
      Evaluation evaluation =
          evaluator.measure(
              images, side, recipe.evaluation().angles(), recipe.evaluation().scales(), rfid);
      int n = x.length / each;
      SpatialTransform turn = SpatialTransform.rotation(1);
      SpatialTransform half = SpatialTransform.scale(0.5);
      Map<String, List<byte[]>> pictures = new LinkedHashMap<>();
      pictures.put("originals", pngs(x, n, side, channels));
      float[] again = evaluator.reconstruct(x, n, side);
      pictures.put("reconstructions" + psnr(x, again, n), pngs(again, n, side, channels));
      float[] rotated = evaluator.transform(x, n, side, turn);
      float[] fromRotated = evaluator.decode(x, n, side, turn);
      pictures.put("rotated 90° originals", pngs(rotated, n, side, channels));
      pictures.put(
          "decoded from latents rotated 90°" + psnr(rotated, fromRotated, n),
          pngs(fromRotated, n, side, channels));
      int small =
          vae.config().downsamplingFactor() * (side / vae.config().downsamplingFactor() / 2);
      float[] halved = evaluator.transform(x, n, side, half);
      float[] fromHalved = evaluator.decode(x, n, side, half);
      pictures.put("half-size originals", pngs(halved, n, small, channels));
      pictures.put(
          "decoded from half-size latents" + psnr(halved, fromHalved, n),
          pngs(fromHalved, n, small, channels));
      return new Result(
          evaluation,
          pictures,
          latents(evaluator, vae, x, n, side, channels),
          sample,
          Machine.of(recipe.run().device(), stream.device().info()));
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

  /** How close a row is to the one above it. */
  private static String psnr(float[] expected, float[] actual, int count) {
    double sum = 0;
    int each = expected.length / count;
    for (int i = 0; i < count; i++) {
      double squares = 0;
      for (int j = i * each; j < (i + 1) * each; j++) {
        double d = (Math.clamp(actual[j], -1f, 1f) - expected[j]) / 2;
        squares += d * d;
      }
      sum += -10 * Math.log10(Math.max(squares / each, 1e-10));
    }
    return String.format(Locale.ROOT, " (PSNR %.1f dB)", sum / count);
  }

  /** Channels of E(x), τ∘E(x), E(τ∘x) and how the last two differ, on one scale. */
  private static Map<String, List<byte[]>> latents(
      Evaluator evaluator, Autoencoder vae, float[] x, int n, int side, int channels) {
    SpatialTransform turn = SpatialTransform.rotation(1);
    SpatialTransform identity = SpatialTransform.IDENTITY;
    int h = side / vae.config().downsamplingFactor();
    int e = vae.config().embedDim();
    int m = Math.clamp(SHOWN / e, 1, n); // with few channels, several images fill the row
    float[] images = Arrays.copyOf(x, m * side * side * channels);
    float[] encoded = evaluator.encode(images, m, side, identity);
    float[] after = evaluator.encode(images, m, side, turn);
    float[] before =
        evaluator.encode(evaluator.transform(images, m, side, turn), m, side, identity);
    float low = Float.POSITIVE_INFINITY;
    float high = Float.NEGATIVE_INFINITY;
    float[] difference = new float[after.length];
    for (int i = 0; i < after.length; i++) {
      low = Math.min(low, Math.min(encoded[i], before[i]));
      high = Math.max(high, Math.max(encoded[i], before[i]));
      difference[i] = Math.abs(after[i] - before[i]);
    }
    Map<String, List<byte[]>> out = new LinkedHashMap<>();
    out.put("E(x)", channels(encoded, m, h, e, low, high));
    out.put("τ∘E(x), 90°", channels(after, m, h, e, low, high));
    out.put("E(τ∘x), 90°", channels(before, m, h, e, low, high));
    out.put("|τ∘E(x) − E(τ∘x)|, black is none", channels(difference, m, h, e, 0, high - low));
    return out;
  }

  private static List<byte[]> pngs(float[] images, int count, int side, int channels) {
    return Session.pictures(images, count, side, side, channels).stream().map(Images::png).toList();
  }

  /** Each channel as a gray picture, enlarged; black is {@code low}, white {@code high}. */
  private static List<byte[]> channels(
      float[] latents, int count, int side, int channels, float low, float high) {
    List<byte[]> out = new ArrayList<>();
    int big = side * ENLARGE;
    for (int p = 0; p < Math.min(count * channels, MOST_CHANNELS); p++) {
      int from = p / channels * side * side * channels + p % channels;
      float[] picture = new float[big * big];
      for (int i = 0; i < big; i++) {
        for (int j = 0; j < big; j++) {
          picture[i * big + j] = latents[from + (i / ENLARGE * side + j / ENLARGE) * channels];
        }
      }
      out.add(
          Images.png(Image.ofFloats(big, big, 1, picture, 0, low, Math.max(high, low + 1e-6f))));
    }
    return out;
  }

  /**
   * Insists on figures that are numbers.
   *
   * @param model what was measured, for the message
   * @throws EqvaeException.Argument if any is NaN
   */
  void requireFinite(Path model) {
    double std = evaluation.statistics().std();
    if (Double.isNaN(evaluation.psnr()) || Double.isNaN(evaluation.ssim()) || Double.isNaN(std)) {
      throw new EqvaeException.Argument(
          model
              + ": the latents or reconstructions of some pictures are not finite (NaN), although"
              + " its weights are: they overflow on the way. `eqvae reconstruct` names the"
              + " pictures");
    }
  }

  /** The figures for people. */
  String text() {
    Evaluation e = evaluation;
    LatentStatistics s = e.statistics();
    StringBuilder out = new StringBuilder();
    line(out, "images", "%d", e.images());
    sample.ifPresent(seed -> line(out, "decoded", "samples of the posterior, seed %d", seed));
    line(out, "PSNR", "%.2f dB", e.psnr());
    line(out, "SSIM, " + e.ssimVariant().title(), "%.4f", e.ssim());
    e.lpips().ifPresent(v -> line(out, "LPIPS", "%.4f", v));
    e.rfid().ifPresent(v -> line(out, "rFID", "%.3f", v));
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
    line(out, "latent high-frequency share", "%.4f", e.spectrum().highFrequencyShare());
    e.intrinsicDimension().ifPresent(v -> line(out, "latent intrinsic dimension", "%.1f", v));
    return out.toString();
  }

  private static void line(StringBuilder out, String name, String format, Object... values) {
    out.append(String.format(Locale.ROOT, "%-30s", name));
    out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String pairs(String format, Map<String, Double> values) {
    StringBuilder out = new StringBuilder();
    values.forEach((k, v) -> out.append(String.format(Locale.ROOT, format, k, v)));
    return out.toString().stripTrailing();
  }

  /** The figures for programs. */
  String json() {
    Evaluation e = evaluation;
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("machine", machine.json());
    map.put("images", e.images());
    map.put("posterior", sample.isPresent() ? "sample" : "mode");
    sample.ifPresent(seed -> map.put("seed", seed));
    map.put("psnr", e.psnr());
    map.put("ssim", e.ssim());
    map.put("ssim_variant", e.ssimVariant().name().toLowerCase(Locale.ROOT));
    e.lpips().ifPresent(v -> map.put("lpips", v));
    e.rfid().ifPresent(v -> map.put("rfid", v));
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
