package io.github.eqvae.eval;

import io.github.eqvae.io.DecodeOptions;
import java.util.Locale;

/**
 * The rules by which a metric of generated images is computed, and its name. Metrics of different
 * protocols cannot be compared. A new network needs a constant here and an {@link ImageFeatures}.
 */
public enum Protocol {
  /** The FID, sFID, IS, precision and recall that ADM, DiT and SiT report. */
  ADM(
      "openai/guided-diffusion evaluations/evaluator.py",
      "TensorFlow 1's bilinear resize to 299 px in single precision, (x − 128)/128",
      "FID",
      "fid"),
  /** The FID of pytorch-fid, which the rFID uses, too. */
  PYTORCH_FID(
      "mseitzer/pytorch-fid",
      "PyTorch's bilinear resize of x/255 to 299 px without antialiasing, 2x − 1",
      "FID",
      "fid"),
  /** FD on DINOv2's features (arXiv 2306.04675), which agrees better with human judgement. */
  DINOV2(
      "layer6ai-labs/dgm-eval dgm_eval/models/dinov2.py",
      "Pillow's bicubic resize to 224×224 px, x/255, ImageNet's mean and deviation; the class token"
          + " after the last norm, positions as torch.hub fits them",
      "FD on DINOv2",
      "fd_dinov2"),
  /**
   * Features of a small classifier that eqvae trained; they cannot be compared with published
   * results.
   */
  CLASSIFIER(
      "eqvae's own, on the features of a classifier of eqvae",
      "padded with black if smaller, else ADM's centre crop, to the classifier's size",
      "Fréchet distance",
      "frechet_distance");

  private final String source;
  private final String input;
  private final String title;
  private final String key;

  Protocol(String source, String input, String title, String key) {
    this.source = source;
    this.input = input;
    this.title = title;
    this.key = key;
  }

  /**
   * The program that the protocol follows.
   *
   * @return repository and file, or a short text
   */
  public String source() {
    return source;
  }

  /**
   * How the network's input is made from an image.
   *
   * @return a short text
   */
  public String input() {
    return input;
  }

  /**
   * The name of the Fréchet distance: FID only for Inception's features.
   *
   * @return the name for reports
   */
  public String title() {
    return title;
  }

  /**
   * The key of the Fréchet distance in results.
   *
   * @return snake_case
   */
  public String key() {
    return key;
  }

  /**
   * Whether the protocol has a score, precision, recall and a kernel distance besides the Fréchet
   * distance.
   *
   * @return true if it has
   */
  public boolean isFamily() {
    return this == ADM || this == CLASSIFIER;
  }

  /**
   * How pictures of a folder are decoded: as by the Pillow of the protocol's program, which neither
   * turns pictures nor rounds samples of 16 bits.
   *
   * @return the options
   */
  public DecodeOptions decode() {
    DecodeOptions own = DecodeOptions.DEFAULT;
    return this == CLASSIFIER
        ? own
        : new DecodeOptions(
            own.maxPixels(),
            own.alpha(),
            DecodeOptions.Depth.PILLOW,
            DecodeOptions.Orientation.STORED);
  }

  /** The name in options and results. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
