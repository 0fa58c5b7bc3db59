package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Version;
import io.github.eqvae.data.ImageStream;
import io.github.eqvae.io.Counts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;

/**
 * A set of images for metrics.
 *
 * @param path a {@code .npz} with {@code arr_0}, with statistics ({@code mu}, {@code sigma}) or
 *     both, a folder of pictures, or an IDX file
 */
public record ImageSet(Path path) {
  /** A classifier always computes 64 rows; Inception needs 29 MB for each image. */
  private static final int CLASSIFIER_BATCH = 64;

  private static final int INCEPTION_BATCH = 16;

  /**
   * Runs a network over all images, or uses the file's own statistics if it has some.
   *
   * @param features the network
   * @param weights SHA-256 of its weights; statistics that eqvae wrote must have the same
   * @param also also receives each image
   * @param onSkip receives name and cause of each file of a folder that is left out
   * @param progress receives the number of images so far
   * @return the features; the caller closes them
   * @throws IOException when something cannot be read
   * @throws EqvaeException.Argument when there are neither images nor statistics, or statistics of
   *     another network
   */
  public FeatureSet measure(
      ImageFeatures features,
      String weights,
      ImageStream.Visitor also,
      BiConsumer<String, String> onSkip,
      LongConsumer progress)
      throws IOException {
    return measure(features, weights, also, onSkip, progress, SharedBatches.ALONE);
  }

  /**
   * The same by several ranks, which all read all images; only the first one can use the features.
   *
   * @param features the network
   * @param weights SHA-256 of its weights
   * @param also also receives each image
   * @param onSkip receives name and cause of each file of a folder that is left out
   * @param progress receives the number of images so far
   * @param shared who computes which batch
   * @return the features; the caller closes them
   * @throws IOException when something cannot be read
   */
  public FeatureSet measure(
      ImageFeatures features,
      String weights,
      ImageStream.Visitor also,
      BiConsumer<String, String> onSkip,
      LongConsumer progress,
      SharedBatches shared)
      throws IOException {
    int batch = features.protocol() == Protocol.CLASSIFIER ? CLASSIFIER_BATCH : INCEPTION_BATCH;
    if (shared.isShared()) {
      shared.begin(
          Map.of(
              "version of eqvae",
              Version.TEXT,
              "protocol",
              features.protocol().toString(),
              "weights of the features' network",
              weights));
    }
    FeatureSet set = new FeatureSet(features, batch, shared);
    try {
      boolean images =
          ImageStream.visit(
              path,
              features.protocol().decode(),
              onSkip,
              image -> {
                set.add(image);
                also.image(image);
                progress.accept(set.count());
              });
      set.run();
      Optional<StatisticsFile> statistics =
          ImageStream.isArchive(path) ? StatisticsFile.read(path) : Optional.empty();
      if (statistics.isPresent() && (!images || features.protocol() == Protocol.ADM)) {
        statistics.get().require(path, features.protocol(), weights);
        set.use(statistics.get());
      } else if (set.count() < 2) {
        throw new EqvaeException.Argument(
            images
                ? path + " holds " + Counts.of(set.count(), "image") + ", expected at least 2"
                : path + " holds neither images (arr_0) nor statistics (mu and sigma)");
      }
      return set;
    } catch (IOException | RuntimeException | Error e) {
      set.close();
      throw e;
    }
  }
}
