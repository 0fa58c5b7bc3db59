package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;

/**
 * A set of images that figures are measured of.
 *
 * @param path a {@code .npz} with {@code arr_0}, with statistics ({@code mu}, {@code sigma}) or
 *     both, a folder of pictures, or an IDX file
 */
public record ImageSet(Path path) {
  /** A classifier's batch is filled up to 64; Inception takes 29 MB for each image. */
  private static final int CLASSIFIER_BATCH = 64;

  private static final int INCEPTION_BATCH = 16;

  /**
   * Runs a network over all images, or takes the file's own statistics where it has them.
   *
   * @param features the network
   * @param weights SHA-256 of its weights, which statistics of ours must be of
   * @param also is shown each image, too
   * @param onSkip told name and cause of each file of a folder that is left out
   * @param progress told how many images were measured
   * @return to be closed by the caller
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
    int batch = features.protocol() == Protocol.CLASSIFIER ? CLASSIFIER_BATCH : INCEPTION_BATCH;
    FeatureSet set = new FeatureSet(features, batch);
    try {
      boolean images =
          ImageStream.visit(
              path,
              onSkip,
              image -> {
                set.add(image);
                also.image(image);
                progress.accept(set.count());
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
}
