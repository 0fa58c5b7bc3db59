package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.eval.FeatureStatistics;
import io.github.eqvae.eval.GaussianStatistics;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.train.log.Counter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A set of images that a distance is measured of.
 *
 * @param path a {@code .npz} with {@code arr_0} or with statistics ({@code mu}, {@code sigma}), a
 *     folder of pictures, or an IDX file
 */
record GeneratedImages(Path path) {
  private static final int GROUP = 64;

  /** What a Java array holds. */
  private static final long LARGEST = Integer.MAX_VALUE - 64;

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

  Measured measure(ImageFeatures features, Counter counter) throws IOException {
    Taker taker = new Taker(features, counter);
    if (path.toString().endsWith(".npz")) {
      Map<String, NpyArray> arrays = NpzFile.read(path, List.of("arr_0"), LARGEST);
      if (!arrays.containsKey("arr_0")) {
        return new Measured(GaussianStatistics.read(path), 0);
      }
      archive(arrays.get("arr_0"), taker);
      return taker.finish(path);
    }
    ImageDataset all =
        Files.isDirectory(path)
            ? ImageFolder.open(path, DecodeOptions.DEFAULT, (name, why) -> {})
            : IdxDataset.open(path);
    for (int i = 0; i < all.size(); i++) {
      taker.add(all.load(i));
    }
    return taker.finish(path);
  }

  private void archive(NpyArray array, Taker taker) throws IOException {
    long[] s = array.shape();
    if (s.length != 4 || !array.descr().equals("|u1") || (s[3] != 1 && s[3] != 3)) {
      throw new IOException(path + ": arr_0 is no images, uint8 [N, H, W, C] with 1 or 3 channels");
    }
    int each = Math.toIntExact(s[1] * s[2] * s[3]);
    byte[] data = array.data();
    for (int i = 0; i < s[0]; i++) {
      byte[] one = Arrays.copyOfRange(data, i * each, (i + 1) * each);
      taker.add(new Image((int) s[2], (int) s[1], (int) s[3], one));
    }
  }

  /** Where the record of {@code sample} lies, if there is one. */
  Path made() {
    return Files.isDirectory(path)
        ? path.resolve("samples.json")
        : path.resolveSibling(path.getFileName() + ".json");
  }
}
