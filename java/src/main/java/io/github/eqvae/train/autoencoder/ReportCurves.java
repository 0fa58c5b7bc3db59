package io.github.eqvae.train.autoencoder;

import io.github.eqvae.eval.LatentSpectrum;
import io.github.eqvae.train.report.LogSeries;
import io.github.eqvae.train.report.ReportData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Curves of reports: what {@code metrics.jsonl} of one run or several says over steps. */
public final class ReportCurves {
  private static final String STEP = "step";
  private static final String VALIDATION = "validation";

  /** A value of the log, its title, and how it is drawn. */
  private record Curve(String event, String key, String title, String unit, ReportData.Axis axis) {}

  private static final List<Curve> LOSSES =
      List.of(
          loss("total", "Total loss", "loss"),
          loss("nll", "Reconstruction loss (nll)", "loss"),
          loss("kl", "KL divergence, before its weight", "KL, nats"),
          loss("quant_loss", "Codebook loss, before its weight", "loss"),
          loss("perplexity", "Perplexity of a batch's codes", "codes"),
          new Curve(STEP, "disc", "Discriminator loss", "loss", ReportData.Axis.FROM_ZERO));

  private static final Curve RECONSTRUCTION =
      new Curve(STEP, "rec", "Reconstruction loss", "loss", ReportData.Axis.SWITCHED);

  private static final List<Curve> VALIDATIONS =
      List.of(
          measured("psnr", "PSNR", "dB", ReportData.Axis.LINEAR),
          measured("ssim", "SSIM", "SSIM", ReportData.Axis.LINEAR),
          measured(
              "rotation_error_90",
              "Rotation error at 90°",
              "relative error",
              ReportData.Axis.SWITCHED),
          measured(
              "scale_error_0.5", "Scale error at ×0.5", "relative error", ReportData.Axis.SWITCHED),
          measured("latent_std", "Standard deviation of latents", "std", ReportData.Axis.FROM_ZERO),
          measured("loss", "Loss on held-out data", "loss", ReportData.Axis.SWITCHED_LOGARITHMIC),
          measured(
              "masked_accuracy", "Hidden codes that are right", "share", ReportData.Axis.LINEAR),
          measured("accuracy", "Accuracy", "share", ReportData.Axis.LINEAR),
          distance("fid", "FID of samples"),
          distance("frechet_distance", "Fréchet distance of samples"),
          distance("frechet_distance_2", "Fréchet distance, second classifier"));

  private ReportCurves() {}

  private static Curve loss(String key, String title, String unit) {
    return new Curve(STEP, key, title, unit, ReportData.Axis.SWITCHED_LOGARITHMIC);
  }

  private static Curve measured(String key, String title, String unit, ReportData.Axis axis) {
    return new Curve(VALIDATION, key, title, unit, axis);
  }

  private static Curve distance(String key, String title) {
    return measured(key, title, "distance", ReportData.Axis.SWITCHED_LOGARITHMIC);
  }

  /**
   * Losses of training.
   *
   * @param logs logs by the names of their runs
   * @return the curves
   * @throws IOException when a log cannot be read
   */
  public static ReportData.Section training(Map<String, Path> logs) throws IOException {
    return section("Training", logs, LOSSES);
  }

  /** The reconstruction loss alone: the other terms of different objectives do not compare. */
  static ReportData.Section reconstruction(Map<String, Path> logs) throws IOException {
    return section("Training", logs, List.of(RECONSTRUCTION));
  }

  /**
   * The values measured on held-out images during training.
   *
   * @param logs logs by the names of their runs
   * @return the curves
   * @throws IOException when a log cannot be read
   */
  public static ReportData.Section validation(Map<String, Path> logs) throws IOException {
    return section("Validation", logs, VALIDATIONS);
  }

  private static ReportData.Section section(
      String title, Map<String, Path> logs, List<Curve> curves) throws IOException {
    List<ReportData.Chart> charts = new ArrayList<>();
    boolean training = title.equals("Training");
    for (Curve curve : curves) {
      List<ReportData.Series> series = new ArrayList<>();
      for (Map.Entry<String, Path> log : logs.entrySet()) {
        series.add(LogSeries.read(log.getValue(), curve.event(), curve.key(), log.getKey()));
      }
      if (series.stream().anyMatch(s -> s.x().length > 0)) {
        charts.add(
            new ReportData.Chart(
                curve.title(), "steps", curve.unit(), curve.axis(), training, series));
      }
    }
    return new ReportData.Section(
        title,
        training
            ? "Faint: every logged step. Bold: its moving mean."
            : "Measured on held-out images while training.",
        charts);
  }

  /**
   * Spectra of latents.
   *
   * @param shares energy per band by model, {@link LatentSpectrum#shares}
   * @return the curves; empty if there is no model
   */
  public static Optional<ReportData.Section> spectrum(Map<String, double[]> shares) {
    List<ReportData.Series> series = new ArrayList<>();
    shares.forEach(
        (name, share) -> {
          double[] x = new double[share.length];
          double[] percent = new double[share.length];
          for (int i = 0; i < x.length; i++) {
            x[i] = (i + 0.5) / LatentSpectrum.PER_NYQUIST;
            percent[i] = 100 * share[i];
          }
          series.add(new ReportData.Series(name, x, percent));
        });
    return series.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new ReportData.Section(
                "Latent spectrum",
                "Where the latents' energy lies, in bands of an eighth of Nyquist; their constant"
                    + " term is left out.",
                List.of(
                    new ReportData.Chart(
                        "Energy of the latents",
                        "spatial frequency; 1 = Nyquist, half a cycle per latent pixel",
                        "share of a band, %",
                        ReportData.Axis.SWITCHED,
                        false,
                        series))));
  }
}
