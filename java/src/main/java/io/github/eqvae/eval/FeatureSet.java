package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What figures need of a set of images. Images are not kept: statistics are gathered as they come,
 * and features lie in a temporary file, so that any number of images takes the same memory. A set
 * may also be statistics alone, as a file of references holds them.
 */
public final class FeatureSet implements AutoCloseable {
  private final ImageFeatures network;
  private final int batch;
  private final List<Image> waiting = new ArrayList<>();
  private final FeatureStatistics pooled;
  private final @Nullable FeatureStatistics spatial;
  private final @Nullable InceptionScore score;
  private final @Nullable FeatureRows rows;
  private @Nullable StatisticsFile given;

  /**
   * No images yet.
   *
   * @param network gives the features; not closed with this
   * @param batch images that go through the network at once; Inception takes about 29 MB for each
   * @throws IOException when there can be no temporary file
   */
  public FeatureSet(ImageFeatures network, int batch) throws IOException {
    this.network = network;
    this.batch = batch;
    boolean family = network.protocol().isFamily();
    pooled = new FeatureStatistics(network.size());
    spatial = network.spatialSize() == 0 ? null : new FeatureStatistics(network.spatialSize());
    score =
        family && network.classes() > 0
            ? InceptionScore.parts(network.classes(), InceptionScore.ADM_PART)
            : null;
    rows = family ? new FeatureRows(network.size()) : null;
  }

  /**
   * Statistics that stand in for those of the images, as ADM's evaluation takes them where a file
   * has both.
   *
   * @param statistics of the same network and protocol
   */
  public void use(StatisticsFile statistics) {
    given = statistics;
  }

  /**
   * Adds an image.
   *
   * @param image of any size, gray or RGB
   * @throws IOException when its features cannot be written down
   */
  public void add(Image image) throws IOException {
    waiting.add(image);
    if (waiting.size() == batch) {
      run();
    }
  }

  private void run() throws IOException {
    if (waiting.isEmpty()) {
      return;
    }
    ImageFeatures.Values values = network.of(waiting);
    waiting.clear();
    pooled.add(values.pooled());
    if (spatial != null) {
      spatial.add(values.spatial());
    }
    if (rows != null) {
      rows.add(values.pooled());
    }
    if (score != null) {
      double[] logits = new double[values.logits().length];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = values.logits()[i];
      }
      score.add(logits);
    }
  }

  /**
   * How many images were added.
   *
   * @return 0 for statistics alone
   */
  public long count() {
    return pooled.count() + waiting.size();
  }

  /**
   * Where mean and covariance come from.
   *
   * @return in a few words, for results
   */
  public String origin() {
    if (given == null) {
      return "of the images";
    }
    return given
        .origin()
        .map(o -> "the file's own, of " + o.images() + " images, by eqvae's " + o.protocol())
        .orElse("the file's own; it does not say of how many images, nor by what weights");
  }

  /**
   * Statistics of the pooled features, for the Fréchet distance.
   *
   * @return those given, else of all images so far
   * @throws IOException when features cannot be written down
   * @throws EqvaeException.Argument with fewer than two images
   */
  public GaussianStatistics pooled() throws IOException {
    run();
    return given == null ? of(pooled) : given.pooled();
  }

  /**
   * Statistics of the spatial features, for the sFID.
   *
   * @return those given, else of all images so far; empty where there are none
   * @throws IOException when features cannot be written down
   */
  public Optional<GaussianStatistics> spatial() throws IOException {
    run();
    if (given != null) {
      return given.spatial();
    }
    return spatial == null ? Optional.empty() : Optional.of(of(spatial));
  }

  private static GaussianStatistics of(FeatureStatistics features) {
    if (features.count() < 2) {
      throw new EqvaeException.Argument(
          "A distance needs at least 2 images on each side, there are " + features.count());
    }
    return GaussianStatistics.of(features);
  }

  /**
   * The Inception score, or the same of another classifier.
   *
   * @return of all images so far; empty without images or without classes
   * @throws IOException when features cannot be written down
   */
  public Optional<MeanDeviation> score() throws IOException {
    run();
    return score == null || count() == 0 ? Optional.empty() : Optional.of(score.value());
  }

  /**
   * The pooled features, for precision, recall and the kernel distance.
   *
   * @return of all images so far, owned by this; empty without images or where no figure wants them
   * @throws IOException when features cannot be written down
   */
  public Optional<FeatureRows> features() throws IOException {
    run();
    return rows == null || count() == 0 ? Optional.empty() : Optional.of(rows);
  }

  @Override
  public void close() throws IOException {
    if (rows != null) {
      rows.close();
    }
  }
}
