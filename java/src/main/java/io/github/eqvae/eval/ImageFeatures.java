package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import java.util.List;

/** Turns images into numbers whose statistics are compared. */
public interface ImageFeatures extends AutoCloseable {
  /**
   * What it is, for results: a distance means nothing without it.
   *
   * @return in a few words
   */
  String name();

  /**
   * How many numbers an image becomes.
   *
   * @return the length of a row
   */
  int size();

  /**
   * Runs the network.
   *
   * @param images of any size
   * @return {@code [n, size]}
   */
  float[] of(List<Image> images);

  @Override
  void close();

  /**
   * Inception's pooled features, as ADM's evaluation takes them.
   *
   * @param network closed with this
   * @return the features of the FID
   */
  static ImageFeatures inception(AdmFeatures network) {
    return new ImageFeatures() {
      @Override
      public String name() {
        return "Inception-v3, resized as by guided-diffusion's evaluator";
      }

      @Override
      public int size() {
        return InceptionV3.FEATURES;
      }

      @Override
      public float[] of(List<Image> images) {
        return network.of(images).pooled();
      }

      @Override
      public void close() {
        network.close();
      }
    };
  }
}
