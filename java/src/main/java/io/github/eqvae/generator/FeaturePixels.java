package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.TorchBicubic;

/**
 * REPA's preparation of pictures for foundation models ({@code train.py}, {@code
 * preprocess_raw_image}). Bicubic resizing has no antialiasing, so values may overshoot the
 * normalised range.
 */
public enum FeaturePixels {
  /** Normalised, then resized to 224 pixels (448 for pictures of 512 pixels). */
  DINOV2(Constants.IMAGENET, true, true),
  /** As for DINOv2. */
  JEPA(Constants.IMAGENET, true, true),
  /** Resized, then normalised with CLIP's own constants. */
  CLIP(Constants.OPENAI, true, false),
  /** Normalised and not resized; also for MoCo v3 and DINO. */
  MAE(Constants.IMAGENET, false, true);

  private static final int CHANNELS = 3;
  private static final int LEVELS = 255;
  private static final int UNIT = 256; // for every 256 pixels of a picture's side
  private static final int SIDE = 224; // the network gets 224

  /** Means and standard deviations of colours in 0 … 1, in the order RGB. */
  private record Constants(String whose, double[] mean, double[] deviation) {
    static final Constants IMAGENET =
        new Constants(
            "ImageNet's", new double[] {0.485, 0.456, 0.406}, new double[] {0.229, 0.224, 0.225});
    static final Constants OPENAI =
        new Constants(
            "CLIP's",
            new double[] {0.48145466, 0.4578275, 0.40821073},
            new double[] {0.26862954, 0.26130258, 0.27577711});
  }

  private final Constants constants;
  private final boolean resized;
  private final boolean normalisedFirst;

  FeaturePixels(Constants constants, boolean resized, boolean normalisedFirst) {
    this.constants = constants;
    this.resized = resized;
    this.normalisedFirst = normalisedFirst;
  }

  /**
   * The side of a prepared picture.
   *
   * @param side side of the picture, which is square
   * @return {@code 224 · (side/256)}, or the same side if nothing is resized
   * @throws EqvaeException.Argument if the picture is too small
   */
  public int side(int side) {
    if (resized && side < UNIT) {
      throw new EqvaeException.Argument(
          "features of pictures of %d pixels, expected at least %d".formatted(side, UNIT));
    }
    return resized ? SIDE * (side / UNIT) : side;
  }

  /**
   * Prepares a picture.
   *
   * @param rgb {@code [side, side, 3]}, from 0 to 255
   * @param side side of the picture
   * @return {@code [side(side), side(side), 3]}
   * @throws EqvaeException.Argument if the picture is too small
   */
  public float[] prepare(float[] rgb, int side) {
    return prepare(rgb, side, side(side));
  }

  /**
   * Prepares a picture for another size than REPA's.
   *
   * @param rgb {@code [side, side, 3]}, from 0 to 255
   * @param side side of the picture
   * @param to the side of the result
   * @return {@code [to, to, 3]}
   */
  public float[] prepare(float[] rgb, int side, int to) {
    float[] x = new float[rgb.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = rgb[i] / LEVELS;
    }
    if (normalisedFirst) {
      normalise(x);
    }
    if (to != side) {
      TorchBicubic axis = TorchBicubic.to(side, to, false);
      x = TorchBicubic.resize(x, axis, axis, CHANNELS);
    }
    if (!normalisedFirst) {
      normalise(x);
    }
    return x;
  }

  /** Whether pictures get the size that the network's grid needs. */
  boolean resizes() {
    return resized;
  }

  /** What {@link #prepare(float[], int, int)} does, as a short text. */
  String describe(int to) {
    String normalised = constants.whose + " mean and deviation";
    String bicubic = "bicubic to %d pixels".formatted(to);
    if (!resized) {
      return normalised;
    }
    return normalisedFirst ? normalised + ", then " + bicubic : bicubic + ", then " + normalised;
  }

  private void normalise(float[] x) {
    for (int i = 0; i < x.length; i++) {
      int c = i % CHANNELS;
      x[i] = (float) ((x[i] - constants.mean[c]) / constants.deviation[c]);
    }
  }
}
