package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;

/** How a picture becomes a square. */
public enum Crop {
  /** The centre crop of ADM, as DiT and SiT prepare ImageNet. */
  ADM,
  /** {@code Resize} and {@code CenterCrop} of torchvision. */
  TORCHVISION,
  /** The largest square in the middle, resized by area. */
  CENTER,
  /** The picture in the middle of a black square, like {@code data.pad} of a recipe. */
  PAD,
  /** None: pictures must already have the size. */
  NONE;

  /**
   * How pictures of 16 bits are decoded before they are cropped.
   *
   * @return as by Pillow for ADM and TORCHVISION, whose bits are equal to Pillow's
   */
  public DecodeOptions.Depth depth() {
    return this == ADM || this == TORCHVISION
        ? DecodeOptions.Depth.PILLOW
        : DecodeOptions.Depth.ROUND;
  }

  /**
   * The crop as a transform.
   *
   * @param size side of the square
   * @return the transform; that of {@code NONE} changes nothing
   */
  public Transform to(int size) {
    return switch (this) {
      case ADM -> new Transform.AdmCenterCrop(size);
      case TORCHVISION -> new Transform.TorchvisionCenterCrop(size);
      case CENTER -> new Transform.CenterCrop(size);
      case PAD -> padded(size);
      case NONE -> (image, random) -> image;
    };
  }

  /** Pads pictures; those larger than the square are not changed, and refused later. */
  private static Transform padded(int size) {
    return (image, random) ->
        image.width() > size || image.height() > size
            ? image
            : new Transform.Pad(size, size, 0).apply(image, random);
  }
}
