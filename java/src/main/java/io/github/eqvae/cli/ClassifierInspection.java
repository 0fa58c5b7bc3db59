package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.ClassifierFiles;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Collection;

/**
 * The output of {@code eqvae inspect} for a classifier of ours, whose features compare images.
 *
 * @param out where to
 * @param table its tensors
 */
record ClassifierInspection(PrintWriter out, TensorTable table) {
  private static final String ROW = TensorTable.ROW;

  /** Prints everything; returns whether the file has no error. */
  boolean print(CheckpointFile file, Path weights) throws IOException {
    Collection<StoredTensor> tensors = file.tensors().values();
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        ImageClassifier network = ClassifierFiles.load(weights, stream)) {
      ClassifierConfig c = network.config();
      out.printf(
          ROW,
          "model",
          "a classifier of eqvae, whose features `evaluate --classifier` compares: "
              + "%d classes, images of %d×%d×%d, %s, %d features"
                  .formatted(
                      c.classes(), c.side(), c.side(), c.channels(), c.describe(), c.features()));
      table.parameters(tensors);
      table.groups("", tensors);
      out.printf(ROW, "whole", "yes: nothing is missing, nothing unexpected");
      return true;
    } catch (EqvaeException e) {
      table.parameters(tensors);
      table.groups("", tensors);
      out.printf(ROW, "model", "a classifier of eqvae");
      out.printf(ROW, "whole", "no: " + e.getMessage());
      return false;
    }
  }
}
