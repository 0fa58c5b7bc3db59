package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageException;
import io.github.eqvae.io.Images;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Images of one size, in the format of networks' inputs.
 *
 * @param count number of images, N
 * @param height rows, H
 * @param width columns, W
 * @param channels 3 (RGB) or 1 (gray), C
 * @param pixels {@code [N, H, W, C]}, black −1, white 1; not copied
 */
public record ImageBatch(int count, int height, int width, int channels, float[] pixels) {
  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if the array has another length
   */
  public ImageBatch {
    Sizes.require("images", pixels.length, count, height, width, channels);
  }

  /**
   * Pictures of one size: RGB, or gray if all of them are.
   *
   * @param images at least one; the alpha channel is ignored and the colours are kept
   * @return the batch
   * @throws EqvaeException.Argument if their sizes differ or pixels cannot be read
   */
  public static ImageBatch of(BufferedImage... images) {
    return ofImages(
        Arrays.stream(images)
            .map(
                image -> {
                  try {
                    return Images.of(image, DecodeOptions.DEFAULT);
                  } catch (ImageException e) {
                    throw new EqvaeException.Argument(String.valueOf(e.getMessage()));
                  }
                })
            .toList());
  }

  /**
   * Pictures of one size: RGB, or gray if all of them are.
   *
   * @param images at least one
   * @return the batch
   * @throws EqvaeException.Argument if their sizes differ
   */
  public static ImageBatch ofImages(List<Image> images) {
    if (images.isEmpty()) {
      throw new EqvaeException.Argument("A batch needs at least one image");
    }
    Image first = images.getFirst();
    int channels = images.stream().allMatch(i -> i.channels() == 1) ? 1 : 3;
    int each = first.width() * first.height() * channels;
    float[] pixels = new float[Math.multiplyExact(each, images.size())];
    for (int i = 0; i < images.size(); i++) {
      Image image = images.get(i);
      if (image.width() != first.width() || image.height() != first.height()) {
        throw new EqvaeException.Argument(
            "All images of a batch must have the same size: the first is %d×%d, number %d is %d×%d"
                .formatted(first.width(), first.height(), i, image.width(), image.height()));
      }
      image.withChannels(channels).toSigned(pixels, i * each);
    }
    return new ImageBatch(images.size(), first.height(), first.width(), channels, pixels);
  }

  /**
   * Creates a batch from PyTorch's layout.
   *
   * @param count N
   * @param channels C
   * @param height H
   * @param width W
   * @param values {@code [N, C, H, W]} in [−1, 1]
   * @return the batch
   */
  public static ImageBatch ofNchw(int count, int channels, int height, int width, float[] values) {
    Sizes.require("images", values.length, count, height, width, channels);
    return new ImageBatch(
        count, height, width, channels, Sizes.toNhwc(values, count, height, width, channels));
  }

  /**
   * The values in PyTorch's layout.
   *
   * @return {@code [N, C, H, W]}
   */
  public float[] toNchw() {
    return Sizes.toNchw(pixels, count, height, width, channels);
  }

  /**
   * One image.
   *
   * @param index from 0
   * @return values beyond [−1, 1] are clamped, rounding is to nearest
   */
  public Image image(int index) {
    return Image.ofFloats(
        width, height, channels, pixels, Math.multiplyExact(index, each()), -1, 1);
  }

  /**
   * One image for AWT.
   *
   * @param index from 0
   * @return values beyond [−1, 1] are clamped, rounding is to nearest
   */
  public BufferedImage toBufferedImage(int index) {
    return Images.toBufferedImage(image(index));
  }

  /**
   * Pads the images so that their sides are multiples of a number, by repeating the last row at the
   * bottom and the last column at the right. {@link #crop} reverts it.
   *
   * @param multiple {@link Vae#downsamplingFactor()}
   * @return the padded images; this if no padding is needed
   */
  public ImageBatch padToMultiple(int multiple) {
    int h = Sizes.roundUp(height, multiple);
    int w = Sizes.roundUp(width, multiple);
    return h == height && w == width ? this : resized(h, w);
  }

  /**
   * The upper left part of all images.
   *
   * @param newHeight rows to keep
   * @param newWidth columns to keep
   * @return the smaller images
   */
  public ImageBatch crop(int newHeight, int newWidth) {
    if (newHeight < 1 || newWidth < 1 || newHeight > height || newWidth > width) {
      throw new EqvaeException.Argument(
          "cannot crop images of %d×%d to %d×%d".formatted(height, width, newHeight, newWidth));
    }
    return newHeight == height && newWidth == width ? this : resized(newHeight, newWidth);
  }

  /**
   * Converts the images to gray or RGB.
   *
   * @param wanted {@link Vae#imageChannels()}: 3 or 1
   * @return this if nothing changes; gray becomes three equal channels, RGB becomes 8-bit gray as
   *     in the loader of data sets
   * @throws EqvaeException.Argument if the number, or that of the images, is neither 1 nor 3
   */
  public ImageBatch withChannels(int wanted) {
    if (channels == wanted) {
      return this;
    }
    if (channels == 1 && wanted == 3) {
      float[] rgb = new float[Math.multiplyExact(pixels.length, 3)];
      for (int i = 0; i < rgb.length; i++) {
        rgb[i] = pixels[i / 3];
      }
      return new ImageBatch(count, height, width, 3, rgb);
    }
    if (channels == 3 && wanted == 1) {
      return ofImages(IntStream.range(0, count).mapToObj(i -> image(i).withChannels(1)).toList());
    }
    throw new EqvaeException.Argument(
        "images of %d channels cannot be converted to %d".formatted(channels, wanted));
  }

  private ImageBatch resized(int h, int w) {
    float[] out = new float[Math.multiplyExact(Math.multiplyExact(count * channels, h), w)];
    for (int n = 0; n < count; n++) {
      for (int y = 0; y < h; y++) {
        int row = (n * height + Math.min(y, height - 1)) * width;
        for (int x = 0; x < w; x++) {
          System.arraycopy(
              pixels,
              (row + Math.min(x, width - 1)) * channels,
              out,
              ((n * h + y) * w + x) * channels,
              channels);
        }
      }
    }
    return new ImageBatch(count, h, w, channels, out);
  }

  private int each() {
    return height * width * channels;
  }

  /**
   * A part of the images.
   *
   * @param from number of the first image
   * @param to number after the last image
   * @return a copy, or this for all images
   */
  public ImageBatch part(int from, int to) {
    return from == 0 && to == count
        ? this
        : new ImageBatch(
            to - from,
            height,
            width,
            channels,
            Arrays.copyOfRange(pixels, from * each(), to * each()));
  }

  /** The sizes, without values: {@code ImageBatch[2, 256, 256, 3]}. */
  @Override
  public String toString() {
    return Sizes.text("ImageBatch", count, height, width, channels) + "]";
  }
}
