package io.github.eqvae.cli;

import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What {@code eqvae inspect} says of a folder of latents.
 *
 * @param out where to
 */
record LatentsInspection(PrintWriter out) {
  /** Opens the folder with all its shards and prints what it holds. */
  void print(Path folder) throws IOException {
    try (LatentFolder latents = LatentFolder.openAny(folder)) {
      boolean codes = latents.content() == Content.CODES;
      row("file", folder);
      row("format", codes ? "codes of eqvae encode" : "latents of eqvae encode");
      row(
          "images",
          "%,d%s".formatted(latents.size(), latents.isMirrored() ? ", and mirrored" : ""));
      int side = latents.side();
      row(
          "stored",
          switch (latents.content()) {
            case MODE -> "the posterior's mean, " + shape(latents);
            case SAMPLE -> "a sample of the posterior, " + shape(latents);
            case MOMENTS -> "mean and standard deviation, of " + shape(latents) + " each";
            case CODES ->
                "codes of %d × %d, of %d in the codebook"
                    .formatted(side, side, latents.codebookSize());
          });
      row("labels", labels(latents));
      if (!codes) {
        row("scaled", latents.isScaled() ? "yes, for a generator" : "no");
        row(
            "scaling",
            latents.scaling().map(LatentsInspection::scaling).orElse("not in the index"));
        List<Double> std = latents.statistics("std");
        if (!std.isEmpty()) {
          row("std", "%.6g before scaling".formatted(std.getFirst()));
        }
      }
      latents
          .features()
          .ifPresent(
              f ->
                  row(
                      "features",
                      "%s, %d × %d cells of %d numbers"
                          .formatted(f.network(), f.side(), f.side(), f.width())));
      row("made by", latents.model().map(Path::toString).orElse("not in the index"));
      row("weights", latents.weights().map(hash -> "SHA-256 " + hash).orElse("not in the index"));
      row("use", (codes ? "task: maskgit" : "task: generator") + ", with data.path: " + folder);
    }
  }

  private static String shape(LatentFolder latents) {
    return "%d channels of %d × %d".formatted(latents.channels(), latents.side(), latents.side());
  }

  private static String labels(LatentFolder latents) {
    if (!latents.isLabelled()) {
      return "none";
    }
    int classes = latents.classes().size();
    return classes == 0 ? "one per image" : "one per image, of " + classes + " named classes";
  }

  private static String scaling(LatentScaling s) {
    if (!s.mean().isEmpty()) {
      return "per channel, by %d means and deviations".formatted(s.mean().size());
    }
    String centred = s.shiftFactor() == 0 ? "latent" : "(latent - " + s.shiftFactor() + ")";
    return centred + " * " + s.scalingFactor();
  }

  private void row(String name, Object value) {
    out.printf(Locale.ROOT, TensorTable.ROW, name, value);
  }
}
