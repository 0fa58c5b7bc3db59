package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Features and statistics of a set of images, for metrics. Images are not stored: statistics are
 * updated with each image, and features are in a temporary file, so that the memory does not depend
 * on the number of images. A set may also consist only of statistics from a file.
 */
public final class FeatureSet implements AutoCloseable {
  private final ImageFeatures network;
  private final int batch;
  private final SharedBatches shared;
  private final List<Image> waiting = new ArrayList<>();
  private final FeatureStatistics pooled;
  private final @Nullable FeatureStatistics spatial;
  private final @Nullable InceptionScore score;
  private final @Nullable FeatureRows rows;
  private long count;
  private @Nullable StatisticsFile given;

  /**
   * Creates an empty set.
   *
   * @param network computes the features; not closed with this
   * @param batch images per batch; Inception needs about 29 MB for each
   * @throws IOException when the temporary file cannot be created
   */
  public FeatureSet(ImageFeatures network, int batch) throws IOException {
    this(network, batch, SharedBatches.ALONE);
  }

  /**
   * Creates an empty set of which ranks compute batches in turn. Only the first rank gets features
   * and statistics.
   *
   * @param network computes the features; not closed with this
   * @param batch images per batch
   * @param shared who computes which batch
   * @throws IOException when the temporary file cannot be created
   */
  FeatureSet(ImageFeatures network, int batch, SharedBatches shared) throws IOException {
    this.network = network;
    this.batch = batch;
    this.shared = shared;
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
   * Sets statistics that replace those of the images. ADM's evaluation does so if a file has both.
   *
   * @param statistics statistics of the same network and protocol
   */
  public void use(StatisticsFile statistics) {
    given = statistics;
  }

  /**
   * Adds an image.
   *
   * @param image of any size, gray or RGB
   * @throws IOException when its features cannot be written
   */
  public void add(Image image) throws IOException {
    waiting.add(image);
    count++;
    if (waiting.size() == batch * shared.round()) {
      run();
    }
  }

  private static byte[] identity(List<Image> images) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (Image image : images) {
      String shape = image.width() + " " + image.height() + " " + image.channels() + "\n";
      all.writeBytes(shape.getBytes(StandardCharsets.US_ASCII));
      all.writeBytes(image.data());
    }
    return all.toByteArray();
  }

  private Object[] compute(List<Image> images) {
    ImageFeatures.Values values = network.of(images);
    return new Object[] {values.pooled(), values.spatial(), values.logits()};
  }

  /** Computes what waits; ranks do so after the same images. */
  void run() throws IOException {
    List<SharedBatches.Batch> parts = new ArrayList<>();
    for (int from = 0; from < waiting.size(); from += batch) {
      int to = Math.min(from + batch, waiting.size());
      List<Image> images = List.copyOf(waiting.subList(from, to));
      parts.add(SharedBatches.batch(() -> identity(images), () -> compute(images)));
    }
    waiting.clear();
    if (!parts.isEmpty()) {
      for (Object[] a : shared.run(parts)) {
        add(new ImageFeatures.Values((float[]) a[0], (float[]) a[1], (float[]) a[2]));
      }
    }
  }

  private void add(ImageFeatures.Values values) throws IOException {
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
   * The number of images that were added.
   *
   * @return the count; 0 for a set of statistics only
   */
  public long count() {
    return count;
  }

  /**
   * The origin of mean and covariance.
   *
   * @return a short text for results
   */
  public String origin() {
    if (given == null) {
      return "of the images";
    }
    return given
        .origin()
        .map(o -> "the file's own, of " + o.images() + " images, by eqvae's " + o.protocol())
        .orElse("the file's own; it does not say how many images and which weights");
  }

  /**
   * Statistics of the pooled features, for the Fréchet distance.
   *
   * @return those given, else of all images so far
   * @throws IOException when features cannot be written
   * @throws EqvaeException.Argument with fewer than two images
   */
  public GaussianStatistics pooled() throws IOException {
    run();
    return given == null ? of(pooled) : given.pooled();
  }

  /**
   * Statistics of the spatial features, for the sFID.
   *
   * @return the statistics that were set, or those of all images so far; empty if there are none
   * @throws IOException when features cannot be written
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
          "A distance needs at least 2 images in each set, there are " + features.count());
    }
    return GaussianStatistics.of(features);
  }

  /**
   * The Inception score, or the same score of another classifier.
   *
   * @return the score of all images so far; empty without images or classes
   * @throws IOException when features cannot be written
   */
  public Optional<MeanDeviation> score() throws IOException {
    run();
    return score == null || count() == 0 ? Optional.empty() : Optional.of(score.value());
  }

  /**
   * The pooled features, for precision, recall and the kernel distance.
   *
   * @return the rows of all images so far, owned by this set; empty without images, or if the
   *     protocol has no such metric
   * @throws IOException when features cannot be written
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
