package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.Invocation;
import io.github.eqvae.eval.ReconstructionDistance;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.train.autoencoder.MeasuredWith;
import io.github.eqvae.train.autoencoder.ReportCurves;
import io.github.eqvae.train.autoencoder.SampleGrid;
import io.github.eqvae.train.report.ReportData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A page that compares runs: metrics, recipes, curves, samples. */
final class ComparisonReport {
  private static final String NONE = "–";

  /** A metric of evaluation.json and its format. */
  private record Row(String label, String pointer, String format) {}

  private static final List<Row> RECONSTRUCTIONS =
      List.of(
          new Row("images", "/images", "%.0f"),
          new Row("PSNR, dB", "/psnr", "%.2f"),
          new Row("SSIM", "/ssim", "%.4f"),
          new Row("LPIPS", "/lpips", "%.4f"));

  private static final List<Row> OTHERS =
      List.of(
          new Row("rotation error", "/rotation_error", "%.4f"),
          new Row("scale error", "/scale_error", "%.4f"),
          new Row("codes used", "/codebook/used", "%.0f"),
          new Row("codebook perplexity", "/codebook/perplexity", "%.1f"),
          new Row("latent mean", "/latent/mean", "%.4f"),
          new Row("latent std", "/latent/std", "%.4f"),
          new Row("recommended scaling factor", "/latent/scaling_factor", "%.5f"),
          new Row("high-frequency share", "/latent/high_frequency_share", "%.4f"),
          new Row("latent intrinsic dimension", "/latent/intrinsic_dimension", "%.1f"),
          new Row("held-out loss", "/loss", "%.4f"),
          new Row("loss of hidden codes", "/masked_loss", "%.4f"),
          new Row("share of hidden codes right", "/masked_accuracy", "%.4f"),
          new Row("accuracy", "/accuracy", "%.4f"),
          new Row("FID", "/fid", "%.4f"),
          new Row("Fréchet distance", "/frechet_distance", "%.4f"),
          new Row("second Fréchet distance", "/frechet_distance_2", "%.4f"),
          new Row("FID of real latents", "/fid_of_real_latents", "%.4f"),
          new Row("distance of real latents", "/frechet_distance_of_real_latents", "%.4f"),
          new Row("second of real latents", "/frechet_distance_2_of_real_latents", "%.4f"));

  private ComparisonReport() {}

  private static List<Row> rows() {
    List<Row> rows = new ArrayList<>(RECONSTRUCTIONS);
    ReconstructionDistances.names()
        .forEach(
            (key, name) -> {
              boolean rfid = key.equals(ReconstructionDistance.RFID);
              rows.add(new Row(name, "/" + key, rfid ? "%.3f" : "%.4f"));
            });
    rows.addAll(OTHERS);
    return rows;
  }

  static ReportData of(List<ComparedRun> runs) throws IOException {
    Map<String, Path> logs = new LinkedHashMap<>();
    runs.forEach(r -> logs.put(r.name(), r.folder().metrics()));
    List<ReportData.Section> sections = new ArrayList<>();
    sections.add(new ReportData.Section("Figures", "", List.of(figures(runs))));
    sections.add(recipes(runs));
    sections.add(ReportCurves.training(logs));
    sections.add(ReportCurves.validation(logs));
    errors(runs).ifPresent(sections::add);
    Map<String, double[]> spectra = new LinkedHashMap<>();
    for (ComparedRun run : runs) {
      double[] shares = numbers(run, "/latent/spectrum");
      if (shares.length > 0) {
        spectra.put(run.name(), shares);
      }
    }
    ReportCurves.spectrum(spectra).ifPresent(sections::add);
    sections.add(samples(runs));
    sections.add(
        new ReportData.Section(
            "How this was made",
            "",
            List.of(
                new ReportData.Text(
                    "Command", System.getProperty("eqvae.command", "eqvae compare"), false),
                machines(runs))));
    return new ReportData(
        runs.size() + " runs", "", List.of(), List.of(), unfinished(runs), sections);
  }

  private static String unfinished(List<ComparedRun> runs) {
    List<String> names =
        runs.stream().filter(r -> r.figures().isEmpty()).map(ComparedRun::name).toList();
    return names.isEmpty()
        ? ""
        : "Not measured yet: "
            + String.join(", ", names)
            + ". "
            + Invocation.shown("evaluate", "RUN")
            + " does it.";
  }

  /** The table for the terminal. */
  static String text(List<ComparedRun> runs) {
    ReportData.Table table = figures(runs);
    int wide = Math.max(12, 2 + table.header().stream().mapToInt(String::length).max().orElse(0));
    StringBuilder out = new StringBuilder();
    List<List<String>> lines = new ArrayList<>(List.of(table.header()));
    lines.addAll(table.rows());
    int first = lines.stream().mapToInt(line -> line.getFirst().length()).max().orElse(0);
    String label = "%-" + Math.max(28, first + 1) + "s";
    for (List<String> line : lines) {
      out.append(String.format(Locale.ROOT, label, line.getFirst()));
      line.stream().skip(1).forEach(c -> out.append(String.format("%" + wide + "s", c)));
      out.append('\n');
    }
    return out.append(unfinished(runs)).append(unfinished(runs).isEmpty() ? "" : "\n").toString();
  }

  private static List<String> header(List<ComparedRun> runs) {
    List<String> header = new ArrayList<>(List.of(""));
    runs.forEach(r -> header.add(r.name()));
    return header;
  }

  private static ReportData.Table figures(List<ComparedRun> runs) {
    List<List<String>> rows = new ArrayList<>();
    List<String> steps = new ArrayList<>(List.of("steps"));
    runs.forEach(r -> steps.add(String.format(Locale.ROOT, "%,d", r.step())));
    rows.add(steps);
    for (Row row : rows()) {
      List<String> cells = new ArrayList<>(List.of(row.label()));
      runs.forEach(r -> cells.add(cell(r, row)));
      if (cells.stream().skip(1).anyMatch(c -> !c.equals(NONE))) {
        rows.add(cells);
      }
    }
    return new ReportData.Table("On held-out images", header(runs), rows);
  }

  private static String cell(ComparedRun run, Row row) {
    return run.figures()
        .map(f -> f.at(row.pointer()))
        .filter(JsonNode::isNumber)
        .map(n -> String.format(Locale.ROOT, row.format(), n.doubleValue()))
        .orElse(isLeftOut(run, row) ? "no weights" : NONE);
  }

  /** A distance of reconstructions is only shown with LPIPS, or the reason why it is missing. */
  private static boolean isLeftOut(ComparedRun run, Row row) {
    return row.pointer().equals("/lpips")
        && run.figures().filter(MeasuredWith::hasDistances).isPresent();
  }

  private static double[] numbers(ComparedRun run, String pointer) {
    JsonNode array = run.figures().map(f -> f.at(pointer)).orElse(null);
    double[] out = new double[array == null ? 0 : array.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = array.get(i).asDouble();
    }
    return out;
  }

  /** The settings that differ between runs. */
  private static ReportData.Section recipes(List<ComparedRun> runs) {
    Set<String> keys = new LinkedHashSet<>();
    runs.forEach(r -> keys.addAll(r.recipe().keySet()));
    List<List<String>> rows = new ArrayList<>();
    for (String key : keys) {
      List<String> cells = new ArrayList<>(List.of(key));
      runs.forEach(r -> cells.add(r.recipe().getOrDefault(key, NONE)));
      if (Set.copyOf(cells.subList(1, cells.size())).size() > 1) {
        rows.add(cells);
      }
    }
    return new ReportData.Section(
        "Recipes",
        rows.isEmpty() ? "All settings are the same." : "Settings that differ between the runs.",
        List.of(new ReportData.Table("Differences", header(runs), rows)));
  }

  private static java.util.Optional<ReportData.Section> errors(List<ComparedRun> runs) {
    List<ReportData.Bars> bars = new ArrayList<>();
    bars(runs, "Rotation", "rotation_errors", "%s°").ifPresent(bars::add);
    bars(runs, "Scale", "scale_errors", "×%s").ifPresent(bars::add);
    return bars.isEmpty()
        ? java.util.Optional.empty()
        : java.util.Optional.of(
            new ReportData.Section(
                "Equivariance error",
                "Mean over held-out images of ‖τ∘E(x) − E(τ∘x)‖² / ‖E(τ∘x)‖²; lower is better.",
                bars));
  }

  private static java.util.Optional<ReportData.Bars> bars(
      List<ComparedRun> runs, String title, String key, String format) {
    Set<Double> transforms = new TreeSet<>();
    for (ComparedRun run : runs) {
      run.figures()
          .map(f -> f.path(key))
          .ifPresent(m -> m.properties().forEach(e -> transforms.add(Double.valueOf(e.getKey()))));
    }
    if (transforms.isEmpty()) {
      return java.util.Optional.empty();
    }
    List<ReportData.Values> series = new ArrayList<>();
    for (ComparedRun run : runs) {
      Map<Double, Double> values = new LinkedHashMap<>();
      run.figures()
          .map(f -> f.path(key))
          .ifPresent(
              m ->
                  m.properties()
                      .forEach(
                          e -> values.put(Double.valueOf(e.getKey()), e.getValue().asDouble())));
      series.add(
          new ReportData.Values(
              run.name(),
              transforms.stream().map(t -> values.getOrDefault(t, Double.NaN)).toList()));
    }
    List<String> names =
        transforms.stream()
            .map(t -> String.format(format, t == Math.rint(t) ? "" + t.longValue() : "" + t))
            .toList();
    return java.util.Optional.of(new ReportData.Bars(title, "relative error", names, series));
  }

  private static ReportData.Section samples(List<ComparedRun> runs) throws IOException {
    List<ReportData.Pictures> out = new ArrayList<>();
    for (ComparedRun run : runs) {
      if (run.samples().isPresent()) {
        Path file = run.samples().get();
        String step = file.getFileName().toString().replaceAll("\\D+0*(\\d+)\\D+", "$1");
        out.add(
            new ReportData.Pictures(
                run.name(),
                List.of(
                    new ReportData.PictureRow(
                        "samples after " + step + " steps",
                        "",
                        List.of(Files.readAllBytes(file))))));
      }
    }
    return new ReportData.Section("Samples", legend(runs), out);
  }

  /** Only autoencoders reconstruct; pictures of other kinds of runs have no such rows. */
  private static String legend(List<ComparedRun> runs) {
    List<Boolean> reconstruct =
        runs.stream()
            .filter(r -> r.samples().isPresent())
            .map(ComparedRun::isOfAutoencoder)
            .distinct()
            .toList();
    if (!reconstruct.contains(true)) {
      return "";
    }
    return (reconstruct.size() > 1 ? "Autoencoders: " : "") + SampleGrid.LEGEND;
  }

  private static ReportData.Table machines(List<ComparedRun> runs) {
    List<List<String>> rows = new ArrayList<>();
    for (ComparedRun run : runs) {
      JsonNode machine = run.figures().map(f -> f.path("machine")).orElse(null);
      String text =
          machine == null || machine.isMissingNode()
              ? NONE
              : machine.path("processor").asText() + ", " + machine.path("detail").asText();
      rows.add(List.of(run.name(), text, run.folder().path().toString()));
    }
    return new ReportData.Table("Runs", List.of("", "measured on", "folder"), rows);
  }
}
