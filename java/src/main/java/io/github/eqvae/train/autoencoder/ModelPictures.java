package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.train.report.ReportData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Pictures of what a model makes of some images.
 *
 * @param rows images, transformed ones, the model's results, and the differences
 * @param latents channels of latents before and after τ
 * @param turnedPsnr of each image decoded from its turned latent, in dB
 */
public record ModelPictures(
    List<ReportData.PictureRow> rows,
    List<ReportData.PictureRow> latents,
    List<Double> turnedPsnr) {
  /** What rows are called; reports pick some by these names. */
  static final String ORIGINALS = "originals";

  static final String TURNED = "rotated 90° originals";
  static final String FROM_TURNED = "decoded from latents rotated 90°";

  private static final int ENLARGE = 8;

  /** Differences are multiplied by this, so that small ones can be seen. */
  private static final int AMPLIFIED = 4;

  /** A latent may have hundreds of channels: this many are shown, from the first on. */
  private static final int MOST_CHANNELS = 16;

  /** None: of a checkpoint that is only measured. */
  public static final ModelPictures NONE = new ModelPictures(List.of(), List.of(), List.of());

  /** The row of that name. */
  ReportData.PictureRow row(String label) {
    return rows.stream().filter(r -> r.label().equals(label)).findFirst().orElseThrow();
  }

  /**
   * Of images that are to be shown.
   *
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   */
  static ModelPictures of(Evaluator evaluator, Autoencoder vae, float[] x, int side, int channels) {
    int each = side * side * channels;
    int n = x.length / each;
    SpatialTransform turn = SpatialTransform.rotation(1);
    SpatialTransform half = SpatialTransform.scale(0.5);
    Rows rows = new Rows(n, channels, new ArrayList<>());
    rows.add(ORIGINALS, x, side);
    rows.answer("reconstructions", x, evaluator.reconstruct(x, n, side), side);
    float[] rotated = evaluator.transform(x, n, side, turn);
    float[] fromRotated = evaluator.decode(x, n, side, turn);
    rows.add(TURNED, rotated, side);
    rows.answer(FROM_TURNED, rotated, fromRotated, side);
    int factor = vae.config().downsamplingFactor();
    int small = factor * (side / factor / 2);
    float[] halved = evaluator.transform(x, n, side, half);
    rows.add("half-size originals", halved, small);
    rows.answer(
        "decoded from half-size latents", halved, evaluator.decode(x, n, side, half), small);
    return new ModelPictures(
        List.copyOf(rows.rows()),
        latents(evaluator, vae, x, n, side, channels),
        psnr(rotated, fromRotated, n));
  }

  /** Rows of {@code n} pictures each. */
  private record Rows(int n, int channels, List<ReportData.PictureRow> rows) {
    void add(String label, float[] images, int side) {
      rows.add(new ReportData.PictureRow(label, "", pngs(images, n, side, channels)));
    }

    /** The model's results for the images above, and the difference. */
    void answer(String label, float[] expected, float[] actual, int side) {
      double mean =
          psnr(expected, actual, n).stream().mapToDouble(Double::doubleValue).average().orElse(0);
      rows.add(
          new ReportData.PictureRow(
              label,
              String.format(Locale.ROOT, "PSNR %.1f dB", mean),
              pngs(actual, n, side, channels)));
      rows.add(
          new ReportData.PictureRow(
              "their difference to the row above, times " + AMPLIFIED,
              "black is none",
              differences(expected, actual, side)));
    }

    private List<byte[]> differences(float[] expected, float[] actual, int side) {
      float[] d = new float[expected.length];
      for (int i = 0; i < d.length; i++) {
        d[i] = Math.abs(Math.clamp(actual[i], -1f, 1f) - expected[i]);
      }
      List<byte[]> out = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        int from = i * side * side * channels;
        out.add(Images.png(Image.ofFloats(side, side, channels, d, from, 0, 2f / AMPLIFIED)));
      }
      return out;
    }
  }

  /** How close each picture is to what it should be. */
  private static List<Double> psnr(float[] expected, float[] actual, int count) {
    List<Double> out = new ArrayList<>();
    int each = expected.length / count;
    for (int i = 0; i < count; i++) {
      double squares = 0;
      for (int j = i * each; j < (i + 1) * each; j++) {
        double d = (Math.clamp(actual[j], -1f, 1f) - expected[j]) / 2;
        squares += d * d;
      }
      out.add(-10 * Math.log10(Math.max(squares / each, 1e-10)));
    }
    return out;
  }

  /** Channels of E(x), τ∘E(x), E(τ∘x) and how the last two differ, on one scale. */
  private static List<ReportData.PictureRow> latents(
      Evaluator evaluator, Autoencoder vae, float[] x, int n, int side, int channels) {
    SpatialTransform turn = SpatialTransform.rotation(1);
    SpatialTransform identity = SpatialTransform.IDENTITY;
    int h = side / vae.config().downsamplingFactor();
    int e = vae.config().embedDim();
    int m =
        Math.clamp(MeasuredModel.SHOWN / e, 1, n); // with few channels, several images fill the row
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
    return List.of(
        new ReportData.PictureRow("E(x)", "", channels(encoded, m, h, e, low, high)),
        new ReportData.PictureRow("τ∘E(x), 90°", "", channels(after, m, h, e, low, high)),
        new ReportData.PictureRow("E(τ∘x), 90°", "", channels(before, m, h, e, low, high)),
        new ReportData.PictureRow(
            "|τ∘E(x) − E(τ∘x)|", "black is none", channels(difference, m, h, e, 0, high - low)));
  }

  private static List<byte[]> pngs(float[] images, int count, int side, int channels) {
    return AutoencoderWorkload.pictures(images, count, side, channels).stream()
        .map(Images::png)
        .toList();
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
}
