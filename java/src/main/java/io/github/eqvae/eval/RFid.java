package io.github.eqvae.eval;

import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Reconstruction FID: the {@link FrechetDistance} between the Inception features of images and of
 * their reconstructions, as the released evaluation of EQ-VAE measures it with pytorch-fid. 8-bit
 * images are divided by 255; reconstructions become 8-bit first, as {@link Psnr#toByte} does it.
 *
 * <p>Compare figures only with those of pytorch-fid and of as many images: the TensorFlow suites
 * resize otherwise, and few images give larger distances. The published ones are of 50,000.
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
   * Loads the network; without its weights there is no rFID.
   *
   * @param weights a safetensors file with the state dict that {@link InceptionV3#load} reads
   * @param stream orders the work
   * @param batch images that go through the network at once; about 29 MB of memory each
   * @param note told why there is no rFID, when no file is named
   * @return the metric without any images, to be closed by the caller; empty when no file is named
   * @throws IOException when the file cannot be read
   */
  public static Optional<RFid> open(
      Optional<Path> weights, Stream stream, int batch, Consumer<String> note) throws IOException {
    if (weights.isEmpty()) {
      note.accept(
          "rFID is left out: it needs the weights of pytorch-fid's Inception-v3, and no file is"
              + " named");
      return Optional.empty();
    }
    requireBatch(batch); // before there is a network to close
    return Optional.of(new RFid(InceptionV3.load(weights.get(), stream), stream, batch));
  }

  /**
   * The metric with a given network.
   *
   * @param network gives the features; closed with this metric
   * @param stream orders the work
   * @param batch images that go through the network at once
   * @return the metric without any images, to be closed by the caller
   */
  public static RFid of(InceptionV3 network, Stream stream, int batch) {
    requireBatch(batch);
    return new RFid(network, stream, batch);
  }

  private static void requireBatch(int batch) {
    if (batch < 1) {
      throw new IllegalArgumentException("a batch of " + batch + " images");
    }
  }

  /**
   * Adds images and their reconstructions.
   *
   * @param images {@code [n, height, width, channels]} in [-1, 1]
   * @param reconstructed the same shape; values outside are clamped
   * @param n how many
   * @param height rows
   * @param width columns
   * @param channels 1 (repeated to gray RGB) or 3
   */
  public void add(
      float[] images, float[] reconstructed, int n, int height, int width, int channels) {
    int each = height * width * channels;
    if (images.length != n * each || reconstructed.length != n * each) {
      throw new IllegalArgumentException(
          "%d and %d values are no %d images of %d×%d×%d"
              .formatted(images.length, reconstructed.length, n, height, width, channels));
    }
    for (int i = 0; i < n; i++) {
      references.add(image(images, i * each, height, width, channels));
      reconstructions.add(image(reconstructed, i * each, height, width, channels));
    }
  }

  private static Image image(float[] values, int offset, int height, int width, int channels) {
    byte[] bytes = new byte[height * width * channels];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Psnr.toByte(values[offset + i]);
    }
    return new Image(width, height, channels, bytes);
  }

  /**
   * Adds all pictures of two data sets, one picture at a time in memory beside a batch: two folders
   * as pytorch-fid compares them.
   *
   * @param images the first; sizes may differ, pictures of a size in a row share a batch
   * @param others the second; it need not be of the same length
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
   * How many images the distance is of.
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
   * @throws IllegalStateException with fewer than two images on a side
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
