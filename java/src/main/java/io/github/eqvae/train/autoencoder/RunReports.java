package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.MeasuredDistance;
import io.github.eqvae.eval.ReconstructionDistance;
import io.github.eqvae.train.report.Machine;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;

/** Puts reports together from logs and results. */
public final class RunReports {
  private static final String FREQUENCY = "high-frequency share";

  private RunReports() {}

  /**
   * The report of one run.
   *
   * @param recipe its recipe
   * @param folder its folder, which has the log
   * @param result what was measured
   * @return the report
   * @throws IOException when the log cannot be read
   */
  public static ReportData single(AutoencoderRecipe recipe, RunFolder folder, MeasuredModel result)
      throws IOException {
    Map<String, MeasuredModel> models = Map.of("model", result);
    Evaluation e = result.evaluation();
    List<ReportData.Figure> figures = new ArrayList<>();
    figures.add(figure("%.2f dB", e.psnr(), "PSNR", e.images() + " held-out images"));
    figures.add(figure("%.3f", e.ssim(), "SSIM", "1 is a perfect copy"));
    figures.add(figure("%.3f", e.rotationError(), "rotation error", "mean over the angles"));
    figures.add(figure("%.3f", e.scaleError(), "scale error", "mean over the scales"));
    figures.add(figure("%.4f", e.statistics().scalingFactor(), "scaling factor", "1 / latent std"));
    Map<String, Path> logs = Map.of("model", folder.metrics());
    return new ReportData(
        "Run " + folder.path().getFileName(),
        "",
        tiles(models),
        figures,
        String.format(
            Locale.ROOT,
            "%,d steps of batch %d at %d pixels, seed %d.",
            recipe.run().steps(),
            recipe.run().batchSize(),
            recipe.data().resolution(),
            recipe.run().seed()),
        sections(
            models,
            List.of(ReportCurves.training(logs), ReportCurves.validation(logs)),
            how(recipe, result.machine(), "eqvae")));
  }

  /**
   * The report of plain against EQ.
   *
   * @param recipe of the EQ run
   * @param models what was measured, by the names {@code plain} and {@code EQ}; more may follow
   * @param logs their logs, by the same names
   * @param seconds what all took
   * @return the report
   * @throws IOException when a log cannot be read
   */
  public static ReportData comparison(
      AutoencoderRecipe recipe,
      Map<String, MeasuredModel> models,
      Map<String, Path> logs,
      double seconds)
      throws IOException {
    Evaluation plain = models.get("plain").evaluation();
    Evaluation eq = models.get("EQ").evaluation();
    List<ReportData.Figure> figures =
        List.of(
            figure(
                "%.2f×",
                eq.rotationError() / plain.rotationError(),
                "rotation error, EQ against plain",
                format("%.3f against %.3f", eq.rotationError(), plain.rotationError())),
            figure(
                "%.2f×",
                eq.scaleError() / plain.scaleError(),
                "scale error, EQ against plain",
                format("%.3f against %.3f", eq.scaleError(), plain.scaleError())),
            figure(
                "%+.2f dB",
                eq.psnr() - plain.psnr(),
                "PSNR, EQ against plain",
                format("%.2f against %.2f dB", eq.psnr(), plain.psnr())),
            figure("%.0f s", seconds, "for both trainings", "evaluation included"));
    return new ReportData(
        "What equivariance does to a latent space",
        "An image is encoded, its latent is turned by 90° and decoded. It should become the turned"
            + " image.",
        tiles(models),
        figures,
        String.format(
            Locale.ROOT,
            "The same autoencoder trained twice from %s %d for %,d steps: plain, and with the"
                + " EQ-VAE objective, which scales and rotates the latents of %.0f %% of the %s and"
                + " asks for the scaled and rotated images. Measured on %d held-out images.",
            recipe.model().initFrom().isPresent() ? "one checkpoint (start) and seed" : "seed",
            recipe.run().seed(),
            recipe.run().steps(),
            100 * recipe.objective().equivarianceProbability(),
            recipe.objective().eqOptions().draw() == EqOptions.DrawPer.SAMPLE ? "samples" : "steps",
            eq.images()),
        sections(
            models,
            List.of(ReportCurves.reconstruction(logs), ReportCurves.validation(logs)),
            how(recipe, models.get("EQ").machine(), "eqvae demo")));
  }

  private static ReportData.Figure figure(String format, double value, String label, String note) {
    return new ReportData.Figure(format(format, value), label, note);
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  /**
   * One image, turned, and what each model decodes from its turned latent. It is the median of the
   * images shown, in the order of how much better the last model is than the first (of a single
   * model: how good it is).
   */
  private static List<ReportData.Tile> tiles(Map<String, MeasuredModel> models) {
    List<MeasuredModel> results = List.copyOf(models.values());
    int shown = results.getFirst().pictures().turnedPsnr().size();
    List<Integer> order =
        IntStream.range(0, shown)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> gain(results, i)))
            .toList();
    if (order.isEmpty()) {
      return List.of();
    }
    int i = order.get(shown / 2);
    ModelPictures first = results.getFirst().pictures();
    List<ReportData.Tile> out = new ArrayList<>();
    out.add(tile("An image", "that no model saw", first, ModelPictures.ORIGINALS, i));
    out.add(tile("Turned by 90°", "what should come out", first, ModelPictures.TURNED, i));
    models.forEach(
        (name, result) ->
            out.add(
                tile(
                    name.equals("model") ? "Decoded" : name,
                    format(
                        "from the turned latent, %.1f dB", result.pictures().turnedPsnr().get(i)),
                    result.pictures(),
                    ModelPictures.FROM_TURNED,
                    i)));
    return out;
  }

  private static double gain(List<MeasuredModel> results, int i) {
    double plain = results.getFirst().pictures().turnedPsnr().get(i);
    return results.size() == 1 ? plain : results.get(1).pictures().turnedPsnr().get(i) - plain;
  }

  private static ReportData.Tile tile(
      String title, String note, ModelPictures pictures, String row, int i) {
    return new ReportData.Tile(title, note, pictures.row(row).pngs().get(i));
  }

  private static List<ReportData.Section> sections(
      Map<String, MeasuredModel> models, List<ReportData.Section> curves, ReportData.Section how) {
    List<ReportData.Section> out = new ArrayList<>();
    out.add(
        new ReportData.Section(
            "Reconstructions",
            "The decoder sees only the latent. A model with an equivariant latent space decodes the"
                + " transformed latent into the transformed image. PSNR is that of the images"
                + " shown.",
            pictures(models, ModelPictures::rows)));
    out.add(
        new ReportData.Section(
            "Equivariance error",
            "Mean over held-out images of ‖τ∘E(x) − E(τ∘x)‖² / ‖E(τ∘x)‖²; lower is better.",
            errors(models)));
    out.add(
        new ReportData.Section(
            "Latent channels",
            "Each channel of the latents of some images, and the same after τ: an equivariant"
                + " encoder makes the second and the third row equal. All pictures of a model share"
                + " one scale of brightness.",
            pictures(models, ModelPictures::latents)));
    out.addAll(curves);
    Map<String, double[]> spectra = new LinkedHashMap<>();
    models.forEach((name, result) -> spectra.put(name, result.evaluation().spectrum().shares()));
    ReportCurves.spectrum(spectra).ifPresent(out::add);
    out.add(new ReportData.Section("Figures", "", List.of(table(models))));
    out.add(how);
    return out;
  }

  private static ReportData.Section how(AutoencoderRecipe recipe, Machine machine, String command) {
    return new ReportData.Section(
        "How this was made",
        "",
        List.of(
            new ReportData.Text("Command", System.getProperty("eqvae.command", command), false),
            new ReportData.Text("Machine", machine.text(), false),
            new ReportData.Text("Recipe", recipe.toYaml(), true)));
  }

  private static List<ReportData.Pictures> pictures(
      Map<String, MeasuredModel> models,
      Function<ModelPictures, List<ReportData.PictureRow>> rows) {
    List<ReportData.Pictures> out = new ArrayList<>();
    models.forEach(
        (name, result) -> {
          List<ReportData.PictureRow> of = rows.apply(result.pictures());
          if (!of.isEmpty()) {
            out.add(new ReportData.Pictures(name, of));
          }
        });
    return out;
  }

  private static List<ReportData.Bars> errors(Map<String, MeasuredModel> models) {
    return List.of(bars("Rotation", models, true), bars("Scale", models, false));
  }

  private static ReportData.Bars bars(
      String title, Map<String, MeasuredModel> models, boolean rotation) {
    List<ReportData.Values> series = new ArrayList<>();
    List<String> categories = new ArrayList<>();
    models.forEach(
        (name, result) -> {
          Map<String, Double> errors =
              rotation ? result.evaluation().rotationErrors() : result.evaluation().scaleErrors();
          if (categories.isEmpty()) {
            errors.keySet().forEach(t -> categories.add(rotation ? t + "°" : "×" + t));
          }
          series.add(new ReportData.Values(name, List.copyOf(errors.values())));
        });
    return new ReportData.Bars(title, "relative error", categories, series);
  }

  /** All figures, a column for each model. */
  static ReportData.Table table(Map<String, MeasuredModel> models) {
    List<String> header = new ArrayList<>(List.of(""));
    Map<String, List<String>> rows = new LinkedHashMap<>();
    models.forEach(
        (name, result) -> {
          header.add(name);
          Evaluation e = result.evaluation();
          cell(rows, "PSNR, dB", format("%.2f", e.psnr()));
          cell(rows, "SSIM (" + e.ssimVariant().title() + ")", format("%.4f", e.ssim()));
          e.lpips().ifPresent(v -> cell(rows, "LPIPS", format("%.4f", v)));
          if (e.lpips().isEmpty() && !e.distances().isEmpty()) {
            cell(rows, "LPIPS", MeasuredWith.NO_LPIPS);
          }
          e.distances().forEach(d -> distance(rows, d));
          cell(rows, "rotation error", format("%.4f", e.rotationError()));
          cell(rows, "scale error", format("%.4f", e.scaleError()));
          e.codebook()
              .ifPresent(
                  u -> {
                    cell(rows, "codes used", format("%d of %d", u.used(), u.codes()));
                    cell(rows, "codebook perplexity", format("%.1f", u.perplexity()));
                  });
          cell(rows, "latent mean", format("%.4f", e.statistics().mean()));
          cell(rows, "latent std", format("%.4f", e.statistics().std()));
          cell(rows, "recommended scaling factor", format("%.5f", e.statistics().scalingFactor()));
          cell(rows, FREQUENCY, format("%.4f", e.spectrum().highFrequencyShare()));
          e.intrinsicDimension()
              .ifPresent(v -> cell(rows, "latent intrinsic dimension", format("%.1f", v)));
        });
    List<List<String>> body = new ArrayList<>();
    rows.forEach(
        (label, cells) -> {
          List<String> row = new ArrayList<>(List.of(label));
          row.addAll(cells);
          body.add(row);
        });
    return new ReportData.Table("On held-out images", header, body);
  }

  private static void distance(Map<String, List<String>> rows, MeasuredDistance d) {
    if (d.key().equals(ReconstructionDistance.RFID)) {
      cell(rows, d.extractor().title(), format("%.3f", d.value()));
    } else {
      cell(rows, d.extractor().title() + " (" + d.by() + ")", format("%.4f", d.value()));
    }
  }

  private static void cell(Map<String, List<String>> rows, String label, String value) {
    rows.computeIfAbsent(label, l -> new ArrayList<>()).add(value);
  }
}
