package io.github.eqvae.eval;

import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.io.Image;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The {@link FrechetDistance} between features of images and of their reconstructions. With
 * pytorch-fid's features this is the rFID of the released evaluation of EQ-VAE: 8-bit images are
 * divided by 255; reconstructions are first converted to 8 bits with {@link Psnr#toByte}.
 *
 * <p>Compare results only for the same network and number of images: fewer images give larger
 * distances. Published rFIDs use 50,000; TensorFlow programs resize differently.
 */
public final class ReconstructionDistance implements AutoCloseable {
  /** The name of the distance of pytorch-fid's features in results. */
  public static final String RFID = "rfid";

  private final Extractor extractor;
  private final String sha256;
  private final ImageFeatures network;
  private final int batch;
  private final FeatureStatistics references;
  private final FeatureStatistics reconstructions;

  private ReconstructionDistance(
      Extractor extractor, String sha256, ImageFeatures network, int batch) {
    this.extractor = extractor;
    this.sha256 = sha256;
    this.network = network;
    this.batch = batch;
    references = new FeatureStatistics(network.size());
    reconstructions = new FeatureStatistics(network.size());
  }

  /**
   * The network of the rFID.
   *
   * @param weights a safetensors file with the state dict that {@link
   *     io.github.eqvae.model.InceptionV3#load} reads
   * @return its name in results is {@link #RFID}
   */
  public static Extractor rfid(Path weights) {
    return new Extractor(RFID, "rFID", Protocol.PYTORCH_FID, weights);
  }

  /**
   * Loads the network.
   *
   * @param extractor the network
   * @param stream orders the work
   * @param batch images per batch; Inception needs about 29 MB of memory for each
   * @return the metric without images; the caller closes it
   * @throws IOException when the file cannot be read
   */
  public static ReconstructionDistance open(Extractor extractor, Stream stream, int batch)
      throws IOException {
    requireBatch(batch); // before there is a network to close
    return of(extractor, extractor.sha256(), extractor.load(stream), batch);
  }

  /**
   * Creates the metric with a network.
   *
   * @param extractor names the distance
   * @param sha256 of the network's weights
   * @param network computes the features; closed with this metric
   * @param batch images per batch
   * @return the metric without images; the caller closes it
   */
  public static ReconstructionDistance of(
      Extractor extractor, String sha256, ImageFeatures network, int batch) {
    requireBatch(batch);
    return new ReconstructionDistance(extractor, sha256, network, batch);
  }

  private static void requireBatch(int batch) {
    if (batch < 1) {
      throw new IllegalArgumentException("a batch of " + batch + " images, expected at least 1");
    }
  }

  /**
   * Adds images and their reconstructions.
   *
   * @param images {@code [n, height, width, channels]} in [-1, 1]
   * @param reconstructed the same shape; values outside of [-1, 1] are clamped
   * @param n number of images
   * @param height rows
   * @param width columns
   * @param channels 1 (repeated to RGB if the network wants it) or 3
   */
  public void add(
      float[] images, float[] reconstructed, int n, int height, int width, int channels) {
    int each = height * width * channels;
    if (images.length != n * each || reconstructed.length != n * each) {
      throw new IllegalArgumentException(
          "%d and %d values are not %d images of %d×%d×%d"
              .formatted(images.length, reconstructed.length, n, height, width, channels));
    }
    addFeatures(
        features(images, n, height, width, channels),
        features(reconstructed, n, height, width, channels));
  }

  /** The features of images in [-1, 1], {@code [n, height, width, channels]}. */
  float[] features(float[] images, int n, int height, int width, int channels) {
    int each = height * width * channels;
    List<Image> pictures = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      byte[] bytes = new byte[each];
      for (int k = 0; k < each; k++) {
        bytes[k] = (byte) Psnr.toByte(images[i * each + k]);
      }
      pictures.add(new Image(width, height, channels, bytes));
    }
    float[] all = new float[n * network.size()];
    for (int from = 0; from < n; from += batch) {
      float[] rows = network.of(pictures.subList(from, Math.min(from + batch, n))).pooled();
      System.arraycopy(rows, 0, all, from * network.size(), rows.length);
    }
    return all;
  }

  /** Adds images and their reconstructions by their features. */
  void addFeatures(float[] images, float[] reconstructed) {
    references.add(images);
    reconstructions.add(reconstructed);
  }

  /** The name of the distance in results. */
  String key() {
    return extractor.key();
  }

  /** Identifies the network. */
  String sha256() {
    return sha256;
  }

  /**
   * Adds all pictures of two data sets, as pytorch-fid compares two folders. Only a batch is in
   * memory.
   *
   * @param images the first data set; sizes may differ
   * @param others the second data set, which may have another length
   * @throws IOException if a picture is broken
   */
  public void addAll(ImageDataset images, ImageDataset others) throws IOException {
    addAll(images, references);
    addAll(others, reconstructions);
  }

  private void addAll(ImageDataset images, FeatureStatistics to) throws IOException {
    for (int from = 0; from < images.size(); from += batch) {
      Image[] pictures = new Image[Math.min(batch, images.size() - from)];
      for (int i = 0; i < pictures.length; i++) {
        pictures[i] = images.load(from + i);
      }
      to.add(network.of(Arrays.asList(pictures)).pooled());
    }
  }

  /**
   * The number of images in the distance.
   *
   * @return the smaller of the two counts
   */
  public long count() {
    return Math.min(references.count(), reconstructions.count());
  }

  /**
   * The distance of everything added so far.
   *
   * @return at least 0; smaller is better
   * @throws IllegalStateException with fewer than two images in a set
   */
  public double value() {
    return FrechetDistance.between(references, reconstructions);
  }

  /** The distance with all that must be known to compare it. */
  MeasuredDistance result() {
    return new MeasuredDistance(extractor, sha256, network.name(), count(), value());
  }

  @Override
  public void close() {
    network.close();
  }
}
