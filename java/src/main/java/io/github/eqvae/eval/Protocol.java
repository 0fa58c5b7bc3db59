package io.github.eqvae.eval;

import java.util.Locale;

/**
 * Whose rules a figure of generated images follows, and what it may be called. Figures of different
 * protocols cannot be compared. A further network is one more constant and an {@link
 * ImageFeatures}.
 */
public enum Protocol {
  /** The FID, sFID, IS, precision and recall that ADM, DiT and SiT report. */
  ADM(
      "openai/guided-diffusion evaluations/evaluator.py",
      "TensorFlow 1's bilinear resize to 299 px in single precision, (x − 128)/128",
      "FID",
      "fid"),
  /** The FID of pytorch-fid, and of the rFID here. */
  PYTORCH_FID(
      "mseitzer/pytorch-fid",
      "PyTorch's bilinear resize of x/255 to 299 px without antialiasing, 2x − 1",
      "FID",
      "fid"),
  /** FD on DINOv2's features (arXiv 2306.04675), which follows people's judgement more closely. */
  DINOV2(
      "layer6ai-labs/dgm-eval dgm_eval/models/dinov2.py",
      "Pillow's bicubic resize to 224×224 px, x/255, ImageNet's mean and deviation; the class token"
          + " behind the last norm, positions as torch.hub fits them",
      "FD on DINOv2",
      "fd_dinov2"),
  /** Features of a small classifier of ours; nothing published can be compared with them. */
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
   * The program whose figures these are.
   *
   * @return repository and file, or a few words
   */
  public String source() {
    return source;
  }

  /**
   * How an image becomes what the network sees.
   *
   * @return in a few words
   */
  public String input() {
    return input;
  }

  /**
   * What the Fréchet distance is called: FID only of Inception's features.
   *
   * @return for people
   */
  public String title() {
    return title;
  }

  /**
   * What the Fréchet distance is called in results.
   *
   * @return snake_case
   */
  public String key() {
    return key;
  }

  /**
   * Whether there are scores, precision, recall and a kernel distance beside the Fréchet distance.
   *
   * @return false where the program gives none
   */
  public boolean isFamily() {
    return this == ADM || this == CLASSIFIER;
  }

  /** As in options and results. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
