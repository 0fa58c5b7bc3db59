package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageStream;
import io.github.eqvae.eval.FeatureSet;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.StatisticsFile;
import io.github.eqvae.train.log.Counter;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A set of images that figures are measured of.
 *
 * @param path a {@code .npz} with {@code arr_0}, with statistics ({@code mu}, {@code sigma}) or
 *     both, a folder of pictures, or an IDX file
 */
record GeneratedImages(Path path) {
  /** A classifier's batch is filled up to 64; Inception takes 29 MB for each image. */
  private static final int CLASSIFIER_BATCH = 64;

  private static final int INCEPTION_BATCH = 16;

  /**
   * Runs a network over all images.
   *
   * @param features the network
   * @param weights SHA-256 of its weights
   * @param also is shown each image, too
   * @param err where progress goes
   * @return closed by the caller
   */
  FeatureSet measure(
      ImageFeatures features, String weights, ImageStream.Visitor also, PrintWriter err)
      throws IOException {
    int batch = features.protocol() == Protocol.CLASSIFIER ? CLASSIFIER_BATCH : INCEPTION_BATCH;
    Counter counter = new Counter(err, "measured", 0, 0);
    FeatureSet set = new FeatureSet(features, batch);
    try {
      boolean images =
          ImageStream.visit(
              path,
              new Console(err)::skipped,
              image -> {
                set.add(image);
                also.image(image);
                counter.at(set.count());
              });
      Optional<StatisticsFile> statistics =
          ImageStream.isArchive(path) ? StatisticsFile.read(path) : Optional.empty();
      if (statistics.isPresent() && (!images || features.protocol() == Protocol.ADM)) {
        statistics.get().require(path, features.protocol(), weights);
        set.use(statistics.get());
      } else if (set.count() < 2) {
        throw new EqvaeException.Argument(
            images
                ? path + " holds " + set.count() + " images; at least 2 are needed"
                : path + " holds neither images (arr_0) nor statistics (mu and sigma)");
      }
      return set;
    } catch (IOException | RuntimeException | Error e) {
      set.close();
      throw e;
    }
  }

  /** Where the record of {@code sample} lies, if there is one. */
  Path made() {
    return Files.isDirectory(path)
        ? path.resolve("samples.json")
        : path.resolveSibling(path.getFileName() + ".json");
  }
}
