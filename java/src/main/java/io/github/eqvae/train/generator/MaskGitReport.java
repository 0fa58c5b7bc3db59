package io.github.eqvae.train.generator;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.report.Machine;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The report of MaskGIT's run: samples, losses, the recipe. It is also written during the run. */
final class MaskGitReport {
  private MaskGitReport() {}

  static ReportData of(
      MaskGitRecipe recipe,
      RunFolder folder,
      String data,
      long step,
      Image newest,
      Map<String, Double> validation,
      List<String> distances,
      DeviceInfo device)
      throws IOException {
    MaskGitSamplesRecipe s = recipe.samples();
    return new ReportData(
        "Run " + folder.path().getFileName(),
        "Samples after " + step + " steps, of the same draws and labels each time.",
        List.of(new ReportData.Tile("Samples", "after step " + step, Images.png(newest))),
        figures(validation, distances),
        String.format(
            Locale.ROOT,
            "MaskGIT (%s) on %s: %,d of %,d steps of batch %d, seed %d. %s. Samples by %s, %d"
                + " steps, guidance %s.",
            recipe.settings().get("model.kind"),
            recipe.data().path(),
            step,
            recipe.run().steps(),
            recipe.run().batchSize() * recipe.optimizer().accumulate(),
            recipe.run().seed(),
            data,
            recipe.settings().get("samples.order"),
            s.steps(),
            s.guidance()),
        List.of(
            GeneratorReport.earlier(folder, step),
            new ReportData.Section(
                "Training",
                "Faint: every logged step. Bold: its moving mean. masked_loss is of hidden codes,"
                    + " without smoothing.",
                List.of(
                    GeneratorReport.chart(
                        folder,
                        "step",
                        "Loss",
                        "loss",
                        true,
                        List.of("total", MaskGitTask.MASKED_LOSS)))),
            new ReportData.Section(
                "Validation",
                "On held-out pictures, each time with the same codes hidden.",
                List.of(
                    GeneratorReport.chart(
                        folder,
                        "validation",
                        "Loss",
                        "loss",
                        false,
                        List.of("loss", MaskGitTask.MASKED_LOSS)),
                    GeneratorReport.chart(
                        folder,
                        "validation",
                        "Hidden codes that are right",
                        "share",
                        false,
                        List.of(HeldOutCodes.ACCURACY)),
                    GeneratorReport.chart(
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

  private static List<ReportData.Figure> figures(
      Map<String, Double> validation, List<String> distances) {
    List<ReportData.Figure> figures = new ArrayList<>();
    if (validation.containsKey(MaskGitTask.MASKED_LOSS)) {
      figures.add(
          new ReportData.Figure(
              String.format(Locale.ROOT, "%.4f", validation.get(MaskGitTask.MASKED_LOSS)),
              "loss of hidden codes, held out",
              "of the averaged weights where the run keeps an average"));
      figures.add(
          new ReportData.Figure(
              String.format(Locale.ROOT, "%.1f %%", 100 * validation.get(HeldOutCodes.ACCURACY)),
              "of hidden codes right, held out",
              ""));
    }
    figures.addAll(GeneratorReport.distances(validation, distances));
    return figures;
  }
}
