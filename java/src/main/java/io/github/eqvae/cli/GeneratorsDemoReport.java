package io.github.eqvae.cli;

import io.github.eqvae.train.report.LearningCurve;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * The report of {@code demo generators}: both curves of each generator, and samples at equal steps.
 */
final class GeneratorsDemoReport {
  /** The steps whose samples are shown. */
  private static final int MOMENTS = 4;

  private static final List<String> TITLES =
      List.of(
          "Distance, first classifier",
          "Distance, second classifier",
          "Distance, third classifier (vision transformer)");

  /** What people call the kinds of generators. */
  static final Map<String, String> NAMES =
      Map.of("sit", "SiT", "dit", "DiT", "repa", "SiT with REPA", "maskgit", "MaskGIT");

  private GeneratorsDemoReport() {}

  static ReportData of(GeneratorsDemo demo, Path folder) throws IOException {
    List<ReportData.Figure> figures = new ArrayList<>();
    List<ReportData.Section> sections = new ArrayList<>();
    for (GeneratorsDemo.Pair pair : demo.pairs()) {
      figures.add(figure(pair));
      List<ReportData.Block> blocks = new ArrayList<>();
      for (int d = 0; d < pair.distances(); d++) {
        blocks.add(
            new ReportData.Chart(
                TITLES.get(d),
                "steps",
                "Fréchet distance",
                ReportData.Axis.SWITCHED_LOGARITHMIC,
                false,
                List.of(
                    series("plain latents", pair.plain().get(d)),
                    series("EQ latents", pair.eq().get(d)))));
      }
      blocks.add(samples(folder, pair.kind(), "plain", "On plain latents"));
      blocks.add(samples(folder, pair.kind(), "eq", "On EQ latents"));
      sections.add(
          new ReportData.Section(
              NAMES.get(pair.kind()),
              "Samples of averaged weights against real images; lower is better. Both runs have the"
                  + " same network, seed, steps, noise and labels.",
              blocks));
    }
    sections.add(
        new ReportData.Section(
            "All figures",
            "",
            List.of(new ReportData.Text("Autoencoders and distances", demo.text(), true))));
    return new ReportData(
        "Are EQ latents learned faster?",
        "The last samples of each run.",
        tiles(demo, folder),
        figures,
        "Two autoencoders of one recipe and seed, plain and with the EQ-VAE objective. Generators"
            + " of one recipe and seed "
            + demo.seed()
            + " were trained on the latents of either.",
        sections);
  }

  private static ReportData.Figure figure(GeneratorsDemo.Pair pair) {
    OptionalDouble factor = pair.speedUp(pair.headline());
    LearningCurve plain = pair.plain().get(pair.headline());
    LearningCurve eq = pair.eq().get(pair.headline());
    String ends =
        String.format(Locale.ROOT, "it ends at %.2f, EQ at %.2f", plain.last(), eq.last());
    return factor.isPresent()
        ? new ReportData.Figure(
            String.format(Locale.ROOT, "%.2f×", factor.getAsDouble()),
            NAMES.get(pair.kind()) + ": how much sooner EQ reaches the plain run's distance",
            ends)
        : new ReportData.Figure(
            "–", NAMES.get(pair.kind()) + ": EQ does not reach the plain run's distance", ends);
  }

  private static ReportData.Series series(String name, LearningCurve curve) {
    return new ReportData.Series(name, curve.steps(), curve.values());
  }

  private static List<Path> pictures(Path folder, String kind, String model) throws IOException {
    Path samples = new RunFolder(folder.resolve(kind + "-" + model)).samples();
    if (!Files.isDirectory(samples)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(samples)) {
      return files.filter(f -> f.toString().endsWith(".png")).sorted().toList();
    }
  }

  private static List<ReportData.Tile> tiles(GeneratorsDemo demo, Path folder) throws IOException {
    List<ReportData.Tile> tiles = new ArrayList<>();
    String kind = demo.pairs().getFirst().kind();
    for (String model : DemoGeneratorsCommand.MODELS) {
      List<Path> all = pictures(folder, kind, model);
      if (!all.isEmpty()) {
        tiles.add(
            new ReportData.Tile(
                NAMES.get(kind) + " on " + (model.equals("eq") ? "EQ" : model) + " latents",
                step(all.getLast()),
                Files.readAllBytes(all.getLast())));
      }
    }
    return tiles;
  }

  private static String step(Path picture) {
    return "after "
        + picture.getFileName().toString().replaceAll("^step-0*|\\.png$", "")
        + " steps";
  }

  /** Samples at the same steps of both runs: a quarter, a half, three quarters, the end. */
  private static ReportData.Pictures samples(Path folder, String kind, String model, String title)
      throws IOException {
    List<Path> all = pictures(folder, kind, model);
    List<ReportData.PictureRow> rows = new ArrayList<>();
    for (int i = 1; i <= MOMENTS && !all.isEmpty(); i++) {
      Path picture = all.get(Math.max(0, all.size() * i / MOMENTS - 1));
      rows.add(new ReportData.PictureRow(step(picture), "", List.of(Files.readAllBytes(picture))));
    }
    return new ReportData.Pictures(title, rows);
  }
}
