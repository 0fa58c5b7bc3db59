package io.github.eqvae.eval;

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
 * @param features of the images, for rFID; empty without it
 * @param reconstructed features of the reconstructions
 */
record BatchFigures(
    double[] psnr,
    double[] ssim,
    double[] lpips,
    float[] latents,
    double[] equivariance,
    double[] divergence,
    int[] codes,
    float[] features,
    float[] reconstructed) {

  Object[] arrays() {
    return new Object[] {
      psnr, ssim, lpips, latents, equivariance, divergence, codes, features, reconstructed
    };
  }

  static BatchFigures of(Object[] arrays) {
    return new BatchFigures(
        (double[]) arrays[0],
        (double[]) arrays[1],
        (double[]) arrays[2],
        (float[]) arrays[3],
        (double[]) arrays[4],
        (double[]) arrays[5],
        (int[]) arrays[6],
        (float[]) arrays[7],
        (float[]) arrays[8]);
  }
}
