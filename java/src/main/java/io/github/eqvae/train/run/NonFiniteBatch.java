package io.github.eqvae.train.run;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.nn.FirstNonFinite;
import io.github.eqvae.train.BatchShape;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.log.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Saves and reports a step in which something was not finite: the batch, and the first value that
 * was not finite.
 *
 * @param workload shows the batch, if it can
 * @param folder of the run
 * @param trainer with the networks as the step left them
 */
record NonFiniteBatch<T extends Task>(Workload<T> workload, RunFolder folder, Trainer<T> trainer) {
  private static final String TENSORS = ".safetensors";

  void write(
      long step,
      HostBatch batch,
      Map<String, Double> values,
      Map<String, String> notes,
      RunLog log,
      RunObserver observer)
      throws IOException {
    Files.createDirectories(folder.nonFinite());
    String stem = String.format(Locale.ROOT, "step-%08d", step);
    Path tensors = folder.nonFinite().resolve(stem + TENSORS);
    Optional<Image> picture = workload.picture(batch);
    Path shown = picture.isPresent() ? folder.nonFinite().resolve(stem + ".png") : tensors;
    if (picture.isPresent()) {
      Images.writePng(shown, picture.get());
    }
    // A picture cannot show every number exactly, so the numbers are saved, too.
    SafetensorsWriter.write(tensors, entries(batch), notes);
    String source = source(batch, values);
    Map<String, Object> line = new LinkedHashMap<>(values);
    line.putAll(notes);
    line.put("batch", folder.path().relativize(shown).toString());
    line.put("source", source);
    log.write("nonfinite", step, line);
    observer.say(
        "step "
            + step
            + ": a loss or gradient is not finite, first "
            + source
            + "; the update was skipped, the batch is in "
            + shown);
  }

  private List<SafetensorsWriter.Entry> entries(HostBatch batch) {
    List<SafetensorsWriter.Entry> all = new ArrayList<>();
    for (BatchShape.Field f : trainer.task().batch().fields()) {
      long[] shape = new long[f.shape().rank()];
      for (int i = 0; i < shape.length; i++) {
        shape[i] = f.shape().size(i);
      }
      all.add(
          f.integers()
              ? SafetensorsWriter.Entry.ints(f.name(), batch.ints(f.name()), shape)
              : SafetensorsWriter.Entry.floats(f.name(), batch.floats(f.name()), shape));
    }
    return all;
  }

  /** The batch, then weights and gradients of each network, then losses. */
  private String source(HostBatch batch, Map<String, Double> losses) {
    for (BatchShape.Field f : trainer.task().batch().fields()) {
      if (!f.integers() && !isFinite(batch.floats(f.name()))) {
        return "the " + f.name();
      }
    }
    List<ParameterGroup> groups = trainer.task().groups();
    for (ParameterGroup group : groups) {
      Optional<String> found = FirstNonFinite.in(trainer.stream(), group.store());
      if (found.isPresent()) {
        boolean first = group == groups.getFirst();
        return found.get() + (first ? "" : " of the " + group.title());
      }
    }
    return losses.entrySet().stream()
        .filter(e -> !Double.isFinite(e.getValue()))
        .map(e -> "the loss " + e.getKey())
        .findFirst()
        .orElse("an intermediate value");
  }

  private static boolean isFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }
}
