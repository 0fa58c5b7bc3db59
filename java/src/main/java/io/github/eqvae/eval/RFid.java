package io.github.eqvae.eval;

import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Reconstruction FID: the {@link FrechetDistance} between the Inception features of images and of
 * their reconstructions, as in the released evaluation of EQ-VAE, which uses pytorch-fid. 8-bit
 * images are divided by 255; reconstructions are first converted to 8 bits with {@link
 * Psnr#toByte}.
 *
 * <p>Compare results only with those of pytorch-fid for the same number of images: TensorFlow
 * programs resize differently, and fewer images give larger distances. Published results use
 * 50,000.
 */
public final class RFid implements AutoCloseable {
  private final InceptionV3 network;
  private final TensorArena arena;
  private final InceptionStatistics references;
  private final InceptionStatistics reconstructions;

  private RFid(InceptionV3 network, Stream stream, int batch) {
    this.network = network;
    arena = new TensorArena(stream.device(), "rFID");
    references = new InceptionStatistics(network, stream, arena, batch);
    reconstructions = new InceptionStatistics(network, stream, arena, batch);
  }

  /**
   * Loads the network; without a file of weights there is no rFID.
   *
   * @param weights a safetensors file with the state dict that {@link InceptionV3#load} reads
   * @param stream orders the work
   * @param batch images per batch; about 29 MB of memory each
   * @param note receives a message if no file is given
   * @return the metric without images; the caller closes it; empty if no file is given
   * @throws IOException when the file cannot be read
   */
  public static Optional<RFid> open(
      Optional<Path> weights, Stream stream, int batch, Consumer<String> note) throws IOException {
    if (weights.isEmpty()) {
      note.accept(
          "rFID is left out: it needs the weights of pytorch-fid's Inception-v3, but no file is"
              + " given");
      return Optional.empty();
    }
    requireBatch(batch); // before there is a network to close
    return Optional.of(new RFid(InceptionV3.load(weights.get(), stream), stream, batch));
  }

  /**
   * Creates the metric with a network.
   *
   * @param network computes the features; closed with this metric
   * @param stream orders the work
   * @param batch images per batch
   * @return the metric without images; the caller closes it
   */
  public static RFid of(InceptionV3 network, Stream stream, int batch) {
    requireBatch(batch);
    return new RFid(network, stream, batch);
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
   * @param channels 1 (repeated to RGB) or 3
   */
  public void add(
      float[] images, float[] reconstructed, int n, int height, int width, int channels) {
    int each = height * width * channels;
    if (images.length != n * each || reconstructed.length != n * each) {
      throw new IllegalArgumentException(
          "%d and %d values are not %d images of %d×%d×%d"
              .formatted(images.length, reconstructed.length, n, height, width, channels));
    }
    for (int i = 0; i < n; i++) {
      references.add(image(images, i * each, height, width, channels));
      reconstructions.add(image(reconstructed, i * each, height, width, channels));
    }
  }

  /** The features of images in [-1, 1], {@code [n, side, side, channels]}. */
  float[] features(float[] images, int n, int side, int channels) {
    List<Image> pictures = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      pictures.add(image(images, i * side * side * channels, side, side, channels));
    }
    return references.of(pictures);
  }

  /** Adds images and their reconstructions by their features. */
  void addFeatures(float[] images, float[] reconstructed) {
    references.addFeatures(images);
    reconstructions.addFeatures(reconstructed);
  }

  /** Identifies the network. */
  String weightsHash(Stream stream) {
    return WeightsHash.of(network.parameters(), stream);
  }

  private static Image image(float[] values, int offset, int height, int width, int channels) {
    byte[] bytes = new byte[height * width * channels];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Psnr.toByte(values[offset + i]);
    }
    return new Image(width, height, channels, bytes);
  }

  /**
   * Adds all pictures of two data sets, as pytorch-fid compares two folders. Only a batch is in
   * memory.
   *
   * @param images the first data set; sizes may differ, consecutive pictures of the same size share
   *     a batch
   * @param others the second data set, which may have another length
   * @throws IOException if a picture is broken
   */
  public void addAll(ImageDataset images, ImageDataset others) throws IOException {
    for (int i = 0; i < images.size(); i++) {
      references.add(images.load(i));
    }
    for (int i = 0; i < others.size(); i++) {
      reconstructions.add(others.load(i));
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
    return FrechetDistance.between(references.statistics(), reconstructions.statistics());
  }

  @Override
  public void close() {
    arena.close();
    network.close();
  }
}
