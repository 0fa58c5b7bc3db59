package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PillowResize;
import io.github.eqvae.io.PixelRows;
import io.github.eqvae.io.Resize;

/**
 * Makes a training sample from a picture: a pure function of the picture and the sample's random
 * numbers.
 */
@FunctionalInterface
public interface Transform {
  /**
   * Transforms a picture.
   *
   * @param image the picture; not changed
   * @param random the sample's random numbers; the transforms here use slots 0 to 3, custom ones
   *     start at 16
   * @return the result
   */
  Image apply(Image image, SampleRandom random);

  /**
   * Transforms a picture that may not fit into memory: a transform that reduces it reads it row by
   * row, from top to bottom.
   *
   * @param picture the picture
   * @param random as above
   * @return the result
   */
  default Image cut(PixelRows picture, SampleRandom random) {
    return apply(picture.whole(), random);
  }

  /**
   * A square at a random position, of side ⌊shorter side · U(minimum, 1)⌋, resized by area. The
   * released code uses a minimum of 0.5 (zelaki/eqvae:train_eqvae/ldm/data/dataset.py).
   *
   * @param size side of the result
   * @param minimum smallest side of the square as a fraction of the picture's shorter side, in (0,
   *     1]
   */
  record RandomCrop(int size, double minimum) implements Transform {
    /**
     * Checks the options.
     *
     * @throws EqvaeException.Argument if one is out of range
     */
    public RandomCrop {
      checkSize(size);
      if (!(minimum > 0 && minimum <= 1)) {
        throw new EqvaeException.Argument(
            "the smallest side of a random crop is " + minimum + ", expected 0 < minimum <= 1");
      }
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return cut(image, random);
    }

    @Override
    public Image cut(PixelRows image, SampleRandom random) {
      int shorter = Math.min(image.width(), image.height());
      double share = minimum + (1 - minimum) * random.uniform(0);
      int side = Math.max(1, (int) (shorter * share));
      int x = (int) (random.uniform(1) * (image.width() - side + 1));
      int y = (int) (random.uniform(2) * (image.height() - side + 1));
      return Resize.resize(image.part(x, y, side, side), size, size);
    }
  }

  /**
   * The largest square in the middle, resized by area: for evaluation.
   *
   * @param size side of the result
   */
  record CenterCrop(int size) implements Transform {
    /**
     * Checks the option.
     *
     * @throws EqvaeException.Argument if it is out of range
     */
    public CenterCrop {
      checkSize(size);
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return cut(image, random);
    }

    @Override
    public Image cut(PixelRows image, SampleRandom random) {
      int side = Math.min(image.width(), image.height());
      PixelRows square =
          image.part((image.width() - side) / 2, (image.height() - side) / 2, side, side);
      return Resize.resize(square, size, size);
    }
  }

  /**
   * The centre crop of ADM, with which DiT, SiT and their successors prepare ImageNet: the picture
   * is halved by area while its shorter side is at least twice the size, then resized bicubically
   * to the size, then cut, all as in Pillow. Source: openai/guided-diffusion {@code
   * guided_diffusion/image_datasets.py}, {@code center_crop_arr}.
   *
   * @param size side of the result
   */
  record AdmCenterCrop(int size) implements Transform {
    /**
     * Checks the option.
     *
     * @throws EqvaeException.Argument if it is out of range
     */
    public AdmCenterCrop {
      checkSize(size);
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return cut(image, random);
    }

    @Override
    public Image cut(PixelRows image, SampleRandom random) {
      PixelRows out = image;
      while (Math.min(out.width(), out.height()) >= 2 * size) {
        out = PillowResize.rows(out, out.width() / 2, out.height() / 2, PillowResize.Filter.BOX);
      }
      double scale = (double) size / Math.min(out.width(), out.height());
      // Python rounds halves to even.
      int width = (int) Math.rint(out.width() * scale);
      int height = (int) Math.rint(out.height() * scale);
      out = PillowResize.rows(out, width, height, PillowResize.Filter.BICUBIC);
      return out.part((width - size) / 2, (height - size) / 2, size, size).whole();
    }
  }

  /**
   * torchvision's {@code Resize(size)} and {@code CenterCrop(size)} on a PIL image, with which most
   * evaluations of autoencoders prepare pictures: the shorter side is resized bilinearly with
   * antialiasing, then the middle is cut. The bits are equal to Pillow's.
   *
   * @param size side of the result
   */
  record TorchvisionCenterCrop(int size) implements Transform {
    /**
     * Checks the option.
     *
     * @throws EqvaeException.Argument if it is out of range
     */
    public TorchvisionCenterCrop {
      checkSize(size);
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return cut(image, random);
    }

    @Override
    public Image cut(PixelRows image, SampleRandom random) {
      int shorter = Math.min(image.width(), image.height());
      // the longer side is rounded down
      int width = (int) ((long) size * image.width() / shorter);
      int height = (int) ((long) size * image.height() / shorter);
      PixelRows out = PillowResize.rows(image, width, height, PillowResize.Filter.BILINEAR);
      // Python rounds halves to even.
      int x = (int) Math.rint((width - size) / 2.0);
      int y = (int) Math.rint((height - size) / 2.0);
      return out.part(x, y, size, size).whole();
    }
  }

  /**
   * Puts the picture into the middle of a larger one; 32×32 makes the sides of MNIST's 28×28
   * pictures divisible by 8.
   *
   * @param width width of the result
   * @param height height of the result
   * @param value the border, 0..255
   */
  record Pad(int width, int height, int value) implements Transform {
    /**
     * Checks the options.
     *
     * @throws EqvaeException.Argument if one is out of range
     */
    public Pad {
      checkSize(width);
      checkSize(height);
      if (value < 0 || value > 255) {
        throw new EqvaeException.Argument("a border of " + value + ", expected 0 to 255");
      }
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return image.pad(width, height, value);
    }
  }

  /**
   * Mirrors some of the pictures left to right. The released code does not, so this is off by
   * default.
   *
   * @param probability fraction of mirrored pictures, 0..1
   */
  record HorizontalFlip(double probability) implements Transform {
    /**
     * Checks the option.
     *
     * @throws EqvaeException.Argument if it is out of range
     */
    public HorizontalFlip {
      if (!(probability >= 0 && probability <= 1)) {
        throw new EqvaeException.Argument(
            "a flip probability of " + probability + ", expected 0 to 1");
      }
    }

    @Override
    public Image apply(Image image, SampleRandom random) {
      return random.uniform(3) < probability ? image.flipHorizontal() : image;
    }
  }

  private static void checkSize(int size) {
    if (size < 1) {
      throw new EqvaeException.Argument("a side of " + size + " pixels, expected at least 1");
    }
  }
}
