package io.github.eqvae.train.generator;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.report.LogSeries;
import io.github.eqvae.train.report.Machine;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The report of a generator's run: samples, losses by time, the recipe. It is also written during
 * the run.
 */
final class GeneratorReport {
  /** The number of earlier pictures that are shown with the newest. */
  private static final int EARLIER = 5;

  private GeneratorReport() {}

  static ReportData of(
      GeneratorRecipe recipe,
      RunFolder folder,
      LatentData data,
      long step,
      Image newest,
      Map<String, Double> validation,
      List<String> distances,
      DeviceInfo device)
      throws IOException {
    List<ReportData.Figure> figures = new ArrayList<>();
    if (validation.containsKey("loss")) {
      figures.add(
          new ReportData.Figure(
              String.format(Locale.ROOT, "%.4f", validation.get("loss")),
              "loss on held-out latents",
              "of the averaged weights where the run keeps an average"));
    }
    figures.add(
        new ReportData.Figure(
            String.format(Locale.ROOT, "%.3f", data.rms()), "RMS of latents", ""));
    figures.addAll(distances(validation, distances));
    return new ReportData(
        "Run " + folder.path().getFileName(),
        "Samples after " + step + " steps, of the same noise and labels each time.",
        List.of(new ReportData.Tile("Samples", "after step " + step, Images.png(newest))),
        figures,
        String.format(
            Locale.ROOT,
            "%s on %s: %,d of %,d steps of batch %d, seed %d. %s",
            recipe.model().kind(),
            recipe.data().path(),
            step,
            recipe.run().steps(),
            recipe.run().batchSize() * recipe.optimizer().accumulate(),
            recipe.run().seed(),
            data.describe()),
        List.of(
            earlier(folder, step),
            new ReportData.Section(
                "Training",
                "Faint: every logged step. Bold: its moving mean. The quarters are those of the"
                    + " time. For a diffusion and for REPA the first quarter has the least noise,"
                    + " for other paths the most.",
                List.of(
                    chart(
                        folder,
                        "step",
                        "Loss",
                        "loss",
                        true,
                        List.of("total", "mse", "vb", "cosine", "alignment")),
                    chart(
                        folder, "step", "Loss by quarter of the time", "loss", true, quarters()))),
            new ReportData.Section(
                "Validation",
                "On held-out latents, each at the same times and with the same noise.",
                List.of(
                    chart(
                        folder, "validation", "Loss", "loss", false, List.of("loss", "alignment")),
                    chart(
                        folder,
                        "validation",
                        "Loss by quarter of the time",
                        "loss",
                        false,
                        quarters()),
                    chart(
                        folder,
                        "validation",
                        "Distance to real images",
                        "Fréchet distance",
                        false,
                        distances))),
            new ReportData.Section(
                "How this was made",
                "",
                List.of(
                    new ReportData.Text(
                        "Command", System.getProperty("eqvae.command", "eqvae"), false),
                    new ReportData.Text(
                        "Machine", Machine.of(recipe.run().device(), device).text(), false),
                    new ReportData.Text("Recipe", recipe.toYaml(), true)))));
  }

  private static List<String> quarters() {
    return Stream.iterate(0, q -> q + 1)
        .limit(QuarterLosses.COUNT)
        .map(QuarterLosses::name)
        .toList();
  }

  /** The newest distances to real images. */
  static List<ReportData.Figure> distances(Map<String, Double> validation, List<String> keys) {
    return keys.stream()
        .filter(validation::containsKey)
        .map(
            key ->
                new ReportData.Figure(
                    String.format(Locale.ROOT, "%.3f", validation.get(key)),
                    key,
                    key.endsWith("_of_real_latents") ? "decoder and count alone" : ""))
        .toList();
  }

  static ReportData.Chart chart(
      RunFolder folder, String event, String title, String unit, boolean smooth, List<String> keys)
      throws IOException {
    List<ReportData.Series> series = new ArrayList<>();
    for (String key : keys) {
      ReportData.Series read = LogSeries.read(folder.metrics(), event, key, key);
      if (read.x().length > 0) {
        series.add(read);
      }
    }
    return new ReportData.Chart(title, "steps", unit, ReportData.Axis.SWITCHED, smooth, series);
  }

  static ReportData.Section earlier(RunFolder folder, long step) throws IOException {
    List<ReportData.PictureRow> rows = new ArrayList<>();
    if (Files.isDirectory(folder.samples())) {
      try (Stream<Path> files = Files.list(folder.samples())) {
        List<Path> all = files.filter(f -> f.toString().endsWith(".png")).sorted().toList();
        String newest = String.format(Locale.ROOT, "step-%08d.png", step);
        List<Path> before =
            all.stream().filter(f -> !f.getFileName().toString().equals(newest)).toList();
        for (Path file : before.subList(Math.max(0, before.size() - EARLIER), before.size())) {
          String name = file.getFileName().toString().replaceAll("^step-0*|\\.png$", "");
          rows.add(
              new ReportData.PictureRow("step " + name, "", List.of(Files.readAllBytes(file))));
        }
      }
    }
    return new ReportData.Section(
        "Samples on the way",
        "",
        rows.isEmpty() ? List.of() : List.of(new ReportData.Pictures("", rows)));
  }
}
