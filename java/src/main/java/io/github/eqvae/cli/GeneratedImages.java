package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageStream;
import io.github.eqvae.eval.FeatureStatistics;
import io.github.eqvae.eval.GaussianStatistics;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.io.Image;
import io.github.eqvae.train.log.Counter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * A set of images that a distance is measured of.
 *
 * @param path a {@code .npz} with {@code arr_0} or with statistics ({@code mu}, {@code sigma}), a
 *     folder of pictures, or an IDX file
 */
record GeneratedImages(Path path) {
  private static final int GROUP = 64;

  /**
   * Statistics of features.
   *
   * @param statistics mean and covariance
   * @param count of how many images; 0 where a file does not say
   */
  record Measured(GaussianStatistics statistics, long count) {}

  /** Takes images one after the other. */
  private static final class Taker {
    private final ImageFeatures features;
    private final FeatureStatistics statistics;
    private final Counter counter;
    private final List<Image> waiting = new ArrayList<>();
    private long count;

    Taker(ImageFeatures features, Counter counter) {
      this.features = features;
      statistics = new FeatureStatistics(features.size());
      this.counter = counter;
    }

    void add(Image image) {
      waiting.add(image);
      if (waiting.size() == GROUP) {
        run();
      }
    }

    private void run() {
      if (!waiting.isEmpty()) {
        statistics.add(features.of(waiting));
        count += waiting.size();
        waiting.clear();
        counter.at(count);
      }
    }

    Measured finish(Path path) {
      run();
      if (count < 2) {
        throw new EqvaeException.Argument(
            path + " holds " + count + " images; at least 2 are needed");
      }
      return new Measured(GaussianStatistics.of(statistics), count);
    }
  }

  Measured measure(ImageFeatures features, Counter counter, BiConsumer<String, String> onSkip)
      throws IOException {
    Taker taker = new Taker(features, counter);
    return ImageStream.visit(path, onSkip, taker::add)
        ? taker.finish(path)
        : new Measured(GaussianStatistics.read(path), 0);
  }

  /** Where the record of {@code sample} lies, if there is one. */
  Path made() {
    return Files.isDirectory(path)
        ? path.resolve("samples.json")
        : path.resolveSibling(path.getFileName() + ".json");
  }
}
