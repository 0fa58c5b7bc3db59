package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A set of images as the evaluation of guided-diffusion sees it. Images are not kept: statistics
 * are gathered as they come, and features lie in a temporary file.
 */
public final class AdmImages implements AutoCloseable {
  private final AdmFeatures network;
  private final int batch;
  private final List<Image> waiting = new ArrayList<>();
  private final FeatureStatistics pooled = new FeatureStatistics(InceptionV3.FEATURES);
  private final FeatureStatistics spatial = new FeatureStatistics(AdmFeatures.SPATIAL);
  private final InceptionScore score;
  private final FeatureRows rows;

  /**
   * No images yet.
   *
   * @param network gives the features; not closed with this
   * @param batch images that go through the network at once; about 29 MB of memory each
   * @throws IOException when there can be no temporary file
   */
  public AdmImages(AdmFeatures network, int batch) throws IOException {
    this.network = network;
    this.batch = batch;
    score = InceptionScore.parts(InceptionV3.CLASSES, InceptionScore.ADM_PART);
    rows = new FeatureRows(InceptionV3.FEATURES);
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
    AdmFeatures.Features features = network.of(waiting);
    waiting.clear();
    pooled.add(features.pooled());
    spatial.add(features.spatial());
    rows.add(features.pooled());
    double[] logits = new double[features.logits().length];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = features.logits()[i];
    }
    score.add(logits);
  }

  /**
   * Statistics of the pooled features, for the FID.
   *
   * @return of all images so far, at least two
   * @throws IOException when features cannot be written down
   */
  public GaussianStatistics pooled() throws IOException {
    run();
    return GaussianStatistics.of(pooled);
  }

  /**
   * Statistics of the spatial features, for the sFID.
   *
   * @return of all images so far, at least two
   * @throws IOException when features cannot be written down
   */
  public GaussianStatistics spatial() throws IOException {
    run();
    return GaussianStatistics.of(spatial);
  }

  /**
   * The Inception score.
   *
   * @return of all images so far
   * @throws IOException when features cannot be written down
   */
  public MeanDeviation inceptionScore() throws IOException {
    run();
    return score.value();
  }

  /**
   * The pooled features, for precision, recall and the kernel distance.
   *
   * @return of all images so far, owned by this
   * @throws IOException when features cannot be written down
   */
  public FeatureRows features() throws IOException {
    run();
    return rows;
  }

  @Override
  public void close() throws IOException {
    rows.close();
  }
}
