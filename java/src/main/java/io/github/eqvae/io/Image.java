package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * A decoded picture: 8 bits per sample, one (gray) or three (RGB) channels, no alpha, upright.
 * Bytes rather than floats because a photograph of 15 megapixels is then 44 MB and not 176, and
 * because the released training code resizes bytes.
 *
 * @param width pixels in a row, at least 1
 * @param height rows, at least 1
 * @param channels 1 or 3
 * @param data samples [height][width][channels], unsigned; not copied, so it must not be changed
 */
public record Image(int width, int height, int channels, byte[] data) implements PixelRows {
  private static final float[] SIGNED = new float[256];

  static {
    for (int i = 0; i < SIGNED.length; i++) {
      SIGNED[i] = (float) (i / 127.5 - 1);
    }
  }

  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if they do not fit together
   */
  public Image {
    if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
      throw new EqvaeException.Argument(
          "an image of "
              + width
              + "x"
              + height
              + " with "
              + channels
              + " channels; expected at least 1x1 and 1 or 3 channels");
    }
    if ((long) width * height * channels != data.length) {
      throw new EqvaeException.Argument(
          "an image of "
              + width
              + "x"
              + height
              + " with "
              + channels
              + " channels has "
              + data.length
              + " bytes, expected "
              + (long) width * height * channels);
    }
  }

  @Override
  public Image whole() {
    return this;
  }

  @Override
  public void row(int y, byte[] to, int at) {
    int length = width * channels;
    System.arraycopy(data, y * length, to, at, length);
  }

  /**
   * A picture from floats.
   *
   * @param width pixels in a row
   * @param height rows
   * @param channels 1 or 3
   * @param values samples [height][width][channels], NHWC with N = 1
   * @param offset where the samples begin in {@code values}
   * @param low the value of black, -1 for results of the networks
   * @param high the value of white, 1 for results of the networks
   * @return the picture; values outside the range are clamped, NaN becomes black, and values are
   *     rounded to nearest
   * @throws EqvaeException.Argument if the array is too short
   */
  public static Image ofFloats(
      int width, int height, int channels, float[] values, int offset, float low, float high) {
    long count = (long) width * height * channels;
    if (offset < 0 || count < 0 || values.length - (long) offset < count) {
      throw new EqvaeException.Argument(
          width
              + "x"
              + height
              + "x"
              + channels
              + " samples from offset "
              + offset
              + " of an array of "
              + values.length
              + " floats");
    }
    byte[] bytes = new byte[(int) count];
    float scale = 255 / (high - low);
    for (int i = 0; i < bytes.length; i++) {
      int rounded = Math.round((values[offset + i] - low) * scale);
      bytes[i] = (byte) Math.clamp(rounded, 0, 255);
    }
    return new Image(width, height, channels, bytes);
  }

  /**
   * One sample.
   *
   * @param x column
   * @param y row
   * @param channel channel
   * @return 0..255
   */
  public int sample(int x, int y, int channel) {
    return data[(y * width + x) * channels + channel] & 0xff;
  }

  /**
   * The same picture with another number of channels: gray is repeated, RGB becomes the luma of
   * ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B).
   *
   * @param count 1 or 3
   * @return this if it has that many already
   */
  public Image withChannels(int count) {
    if (count == channels) {
      return this;
    }
    byte[] bytes = new byte[width * height * count];
    for (int i = 0; i < width * height; i++) {
      if (count == 3) {
        bytes[3 * i] = data[i];
        bytes[3 * i + 1] = data[i];
        bytes[3 * i + 2] = data[i];
      } else {
        int luma =
            299 * (data[3 * i] & 0xff)
                + 587 * (data[3 * i + 1] & 0xff)
                + 114 * (data[3 * i + 2] & 0xff);
        bytes[i] = (byte) ((luma + 500) / 1000);
      }
    }
    return new Image(width, height, count, bytes);
  }

  /**
   * A rectangle of the picture.
   *
   * @param x its left column
   * @param y its upper row
   * @param cropWidth its width
   * @param cropHeight its height
   * @return a copy
   * @throws EqvaeException.Argument if the rectangle is empty or reaches outside
   */
  public Image crop(int x, int y, int cropWidth, int cropHeight) {
    return part(x, y, cropWidth, cropHeight).whole();
  }

  /**
   * The picture in the middle of a larger one.
   *
   * @param newWidth width of the result, at least this width
   * @param newHeight height of the result, at least this height
   * @param value the border's value, 0..255
   * @return a copy; an odd pixel of border goes to the right and to the bottom
   * @throws EqvaeException.Argument if the result would be smaller
   */
  public Image pad(int newWidth, int newHeight, int value) {
    if (newWidth < width || newHeight < height) {
      throw new EqvaeException.Argument(
          "padding an image of "
              + width
              + "x"
              + height
              + " to "
              + newWidth
              + "x"
              + newHeight
              + ": the result must not be smaller");
    }
    byte[] bytes = new byte[Math.multiplyExact(Math.multiplyExact(newWidth, newHeight), channels)];
    Arrays.fill(bytes, (byte) value);
    int x = (newWidth - width) / 2;
    int y = (newHeight - height) / 2;
    int row = width * channels;
    for (int i = 0; i < height; i++) {
      System.arraycopy(data, i * row, bytes, ((y + i) * newWidth + x) * channels, row);
    }
    return new Image(newWidth, newHeight, channels, bytes);
  }

  /**
   * The picture mirrored left to right.
   *
   * @return a copy
   */
  public Image flipHorizontal() {
    byte[] bytes = new byte[data.length];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int from = (y * width + x) * channels;
        int to = (y * width + width - 1 - x) * channels;
        for (int c = 0; c < channels; c++) {
          bytes[to + c] = data[from + c];
        }
      }
    }
    return new Image(width, height, channels, bytes);
  }

  /**
   * Writes the samples as floats x/127.5 − 1, the input of the networks.
   *
   * @param values receives [height][width][channels]
   * @param offset where to begin
   */
  public void toSigned(float[] values, int offset) {
    for (int i = 0; i < data.length; i++) {
      values[offset + i] = SIGNED[data[i] & 0xff];
    }
  }
}
