package io.github.eqvae.cli;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.nn.FirstNonFinite;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.log.RunLog;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What is kept and said of a step in which something was not finite: the batch, and where it began.
 *
 * @param recipe of the run
 * @param folder of the run
 * @param trainer with the networks as the step left them
 */
record NonFiniteBatch(
    AutoencoderRecipe recipe, RunFolder folder, Trainer<AutoencoderTask> trainer) {
  private static final int COLUMNS = 8;
  private static final int GAP = 2;
  private static final int BACKGROUND = 255;

  void write(
      long step,
      float[] images,
      Map<String, Double> values,
      Map<String, String> notes,
      RunLog log,
      PrintWriter err)
      throws IOException {
    int side = recipe.data().resolution();
    int channels = recipe.data().channels();
    int n = images.length / (side * side * channels);
    Files.createDirectories(folder.nonFinite());
    String name = String.format(Locale.ROOT, "step-%08d.png", step);
    List<Image> tiles = Session.pictures(images, n, side, side, channels);
    Images.writePng(
        folder.nonFinite().resolve(name), ImageGrid.of(tiles, COLUMNS, GAP, BACKGROUND));
    // The picture shows what it can; the numbers are what was computed with.
    SafetensorsWriter.write(
        folder.nonFinite().resolve(name.replace(".png", ".safetensors")),
        List.of(SafetensorsWriter.Entry.floats("images", images, n, side, side, channels)),
        notes);
    String source = source(images, values);
    Map<String, Object> line = new LinkedHashMap<>(values);
    line.putAll(notes);
    line.put("batch", "nonfinite/" + name);
    line.put("source", source);
    log.write("nonfinite", step, line);
    err.println(
        "eqvae: step "
            + step
            + ": a loss or gradient is not finite, first "
            + source
            + "; the update was skipped, the batch is in "
            + folder.nonFinite().resolve(name));
    err.flush();
  }

  /** Images, then weights, then the gradients of either network. */
  private String source(float[] images, Map<String, Double> losses) {
    for (float pixel : images) {
      if (!Float.isFinite(pixel)) {
        return "the images";
      }
    }
    Stream stream = trainer.stream();
    Optional<String> found = FirstNonFinite.in(stream, trainer.task().vae().parameters());
    if (found.isEmpty() && trainer.task().discriminator().isPresent()) {
      found =
          FirstNonFinite.in(stream, trainer.task().discriminator().get().parameters())
              .map(where -> where + " of the discriminator");
    }
    return found.orElseGet(
        () ->
            losses.entrySet().stream()
                .filter(e -> !Double.isFinite(e.getValue()))
                .map(e -> "the loss " + e.getKey())
                .findFirst()
                .orElse("a number in between"));
  }
}
