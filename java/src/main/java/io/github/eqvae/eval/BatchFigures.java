package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.stream.Stream;

/**
 * What {@link Evaluator} computes of a batch of n images; all sums over images are made of these
 * numbers, in the order of the images.
 *
 * @param psnr of each image
 * @param ssim of each image
 * @param lpips sum over the images, one number; 0 without LPIPS
 * @param latents {@code [n, h, w, embed_dim]}
 * @param equivariance {@code [transforms, n]}
 * @param divergence of the latents' spectra, summed over the images, one number
 * @param codes that the images use; empty without a codebook
 * @param features of the images and of the reconstructions, in turn, for each distance
 */
record BatchFigures(
    double[] psnr,
    double[] ssim,
    double[] lpips,
    float[] latents,
    double[] equivariance,
    double[] divergence,
    int[] codes,
    float[][] features) {
  /** How many arrays come before the features. */
  private static final int FIGURES = 7;

  Object[] arrays() {
    Object[] figures = {psnr, ssim, lpips, latents, equivariance, divergence, codes};
    return Stream.concat(Arrays.stream(figures), Arrays.stream(features)).toArray();
  }

  static BatchFigures of(Object[] arrays) {
    float[][] features = new float[arrays.length - FIGURES][];
    for (int i = 0; i < features.length; i++) {
      features[i] = (float[]) arrays[FIGURES + i];
    }
    return new BatchFigures(
        (double[]) arrays[0],
        (double[]) arrays[1],
        (double[]) arrays[2],
        (float[]) arrays[3],
        (double[]) arrays[4],
        (double[]) arrays[5],
        (int[]) arrays[6],
        features);
  }
}
