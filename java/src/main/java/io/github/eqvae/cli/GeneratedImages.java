package io.github.eqvae.cli;

import io.github.eqvae.data.ImageStream;
import io.github.eqvae.eval.FeatureSet;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.eval.ImageSet;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A set of images for metrics, with progress.
 *
 * @param path a path for {@link ImageSet}
 */
record GeneratedImages(Path path) {
  /**
   * Runs a network over all images.
   *
   * @param features the network
   * @param weights SHA-256 of its weights
   * @param also is shown each image, too
   * @param shared who computes which batch
   * @param device where it runs
   * @param err where progress goes
   * @return closed by the caller
   */
  FeatureSet measure(
      ImageFeatures features,
      String weights,
      ImageStream.Visitor also,
      SharedBatches shared,
      Device device,
      PrintWriter err)
      throws IOException {
    WatchedCounter counter = new WatchedCounter(err, "measured", 0, 0, device);
    return new ImageSet(path)
        .measure(features, weights, also, new Console(err)::skipped, counter::at, shared);
  }

  /** The record of {@code sample}, if there is one. */
  Path made() {
    return Files.isDirectory(path)
        ? path.resolve("samples.json")
        : path.resolveSibling(path.getFileName() + ".json");
  }
}
