package io.github.eqvae.cli;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.LatentSpectrum;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.report.ReportData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Puts reports together from logs and results. */
final class Reports {
  private static final String FREQUENCY = "high-frequency share";
  private static final Map<String, String> LOSSES =
      Map.of(
          "total", "Total loss",
          "nll", "Reconstruction loss (nll)",
          "kl", "KL divergence, before its weight",
          "quant_loss", "Codebook loss, before its weight",
          "perplexity", "Perplexity of a batch's codes",
          "disc", "Discriminator loss");

  private Reports() {}

  /** The report of one run. */
  static ReportData single(AutoencoderRecipe recipe, RunFolder folder, Result result)
      throws IOException {
    Map<String, Result> models = Map.of("model", result);
    Evaluation e = result.evaluation();
    List<ReportData.Figure> figures = new ArrayList<>();
    figures.add(figure("%.2f dB", e.psnr(), "PSNR", e.images() + " held-out images"));
    figures.add(
        figure("%.3f", e.ssim(), "SSIM", e.ssimVariant().title() + "; 1 is a perfect copy"));
    figures.add(figure("%.3f", e.rotationError(), "rotation error", "mean over the angles"));
    figures.add(figure("%.3f", e.scaleError(), "scale error", "mean over the scales"));
    figures.add(figure("%.4f", e.statistics().scalingFactor(), "scaling factor", "1 / latent std"));
    List<ReportData.Chart> losses = new ArrayList<>();
    for (String key : List.of("total", "nll", "kl", "quant_loss", "perplexity", "disc")) {
      // A chart each: they differ by orders of magnitude. Hinge losses may be zero or negative.
      boolean logarithmic = !key.equals("disc") && !(key.equals("total") && gan(recipe));
      series(folder.metrics(), key, key)
          .ifPresent(
              s -> losses.add(new ReportData.Chart(LOSSES.get(key), List.of(s), logarithmic)));
    }
    return new ReportData(
        "Run " + folder.path().getFileName(),
        String.format(
            Locale.ROOT,
            "%,d steps of batch %d at %d pixels, seed %d.",
            recipe.run().steps(),
            recipe.run().batchSize(),
            recipe.data().resolution(),
            recipe.run().seed()),
        figures,
        losses,
        rows(models, false),
        rows(models, true),
        errors(models),
        spectra(models),
        List.of(table(models)),
        recipe.toYaml(),
        System.getProperty("eqvae.command", "eqvae"),
        result.machine().text());
  }

  /** The report of plain against EQ. */
  static ReportData comparison(
      AutoencoderRecipe recipe,
      Map<String, Result> models,
      Map<String, Path> metrics,
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
    List<ReportData.Series> reconstruction = new ArrayList<>();
    for (Map.Entry<String, Path> m : metrics.entrySet()) {
      series(m.getValue(), "rec", m.getKey()).ifPresent(reconstruction::add);
    }
    List<ReportData.Chart> losses = new ArrayList<>();
    if (!reconstruction.isEmpty()) {
      losses.add(new ReportData.Chart("Reconstruction loss", reconstruction, false));
      losses.add(
          new ReportData.Chart("Reconstruction loss, logarithmic axis", reconstruction, true));
    }
    return new ReportData(
        "What equivariance does to a latent space",
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
        figures,
        losses,
        rows(models, false),
        rows(models, true),
        errors(models),
        spectra(models),
        List.of(table(models)),
        recipe.toYaml(),
        System.getProperty("eqvae.command", "eqvae demo"),
        models.get("EQ").machine().text());
  }

  private static boolean gan(AutoencoderRecipe recipe) {
    return recipe.objective().gan().enabled();
  }

  private static ReportData.Figure figure(String format, double value, String label, String note) {
    return new ReportData.Figure(format(format, value), label, note);
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private static java.util.Optional<ReportData.Series> series(Path log, String key, String name)
      throws IOException {
    if (!Files.exists(log)) {
      return java.util.Optional.empty();
    }
    List<double[]> points = new ArrayList<>();
    for (Map<String, Object> line : RunLog.read(log)) {
      if ("step".equals(line.get("event"))
          && line.get("step") instanceof Number step
          && line.get(key) instanceof Number value) {
        points.add(new double[] {step.doubleValue(), value.doubleValue()});
      }
    }
    if (points.isEmpty()) {
      return java.util.Optional.empty();
    }
    return java.util.Optional.of(
        new ReportData.Series(
            name,
            points.stream().mapToDouble(p -> p[0]).toArray(),
            points.stream().mapToDouble(p -> p[1]).toArray()));
  }

  private static List<ReportData.PictureRow> rows(Map<String, Result> models, boolean latents) {
    List<ReportData.PictureRow> out = new ArrayList<>();
    models.forEach(
        (name, result) ->
            (latents ? result.latents() : result.pictures())
                .forEach((label, pngs) -> out.add(new ReportData.PictureRow(label, name, pngs))));
    return out;
  }

  private static List<ReportData.Bars> errors(Map<String, Result> models) {
    return List.of(bars("Rotation", models, true), bars("Scale", models, false));
  }

  private static ReportData.Bars bars(String title, Map<String, Result> models, boolean rotation) {
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
    return new ReportData.Bars(title, categories, series);
  }

  private static List<ReportData.Series> spectra(Map<String, Result> models) {
    List<ReportData.Series> out = new ArrayList<>();
    models.forEach(
        (name, result) -> {
          double[] x = new double[LatentSpectrum.BANDS];
          for (int i = 0; i < x.length; i++) {
            x[i] = (i + 0.5) / 8;
          }
          out.add(new ReportData.Series(name, x, result.evaluation().spectrum().shares()));
        });
    return out;
  }

  private static ReportData.Table table(Map<String, Result> models) {
    List<String> header = new ArrayList<>(List.of(""));
    Map<String, List<String>> rows = new LinkedHashMap<>();
    models.forEach(
        (name, result) -> {
          header.add(name);
          Evaluation e = result.evaluation();
          cell(rows, "PSNR, dB", format("%.2f", e.psnr()));
          cell(rows, "SSIM (" + e.ssimVariant().title() + ")", format("%.4f", e.ssim()));
          e.lpips().ifPresent(v -> cell(rows, "LPIPS", format("%.4f", v)));
          e.rfid().ifPresent(v -> cell(rows, "rFID", format("%.3f", v)));
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
    return new ReportData.Table("Figures", header, body);
  }

  private static void cell(Map<String, List<String>> rows, String label, String value) {
    rows.computeIfAbsent(label, l -> new ArrayList<>()).add(value);
  }
}
