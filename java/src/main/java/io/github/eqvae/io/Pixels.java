package io.github.eqvae.io;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.util.function.IntBinaryOperator;

/**
 * Reads the samples of a picture that ImageIO decoded. They are read from the raster: {@code
 * getRGB} would convert gray through a linear colour space and brighten it.
 */
final class Pixels {
  private Pixels() {}

  /**
   * What the decoded image does not tell of its file.
   *
   * @param isPlainGray whether the file has only gray; transparency, if any, is then one gray level
   * @param isPremultiplied whether colours were stored as products with their opacity
   */
  record Stored(boolean isPlainGray, boolean isPremultiplied) {}

  /**
   * The samples of an image that is not used elsewhere. If they already have the right layout,
   * apart from the order of colours, they are reused in place, so that a large picture is not in
   * memory twice.
   */
  static Image ofOwn(BufferedImage image, String name, DecodeOptions options, Stored stored)
      throws ImageException {
    Raster raster = image.getRaster();
    int colors = raster.getNumBands();
    boolean isBytes =
        (image.getType() == BufferedImage.TYPE_3BYTE_BGR
                || image.getType() == BufferedImage.TYPE_BYTE_GRAY)
            && raster.getParent() == null
            && raster.getDataBuffer() instanceof DataBufferByte;
    byte[] data = isBytes ? ((DataBufferByte) raster.getDataBuffer()).getData() : new byte[0];
    if (!isBytes || data.length != image.getWidth() * image.getHeight() * colors) {
      return of(image, name, options, stored);
    }
    for (int i = 0; colors == 3 && i < data.length; i += 3) {
      byte blue = data[i];
      data[i] = data[i + 2];
      data[i + 2] = blue;
    }
    return new Image(image.getWidth(), image.getHeight(), colors, data);
  }

  /** An image's samples. */
  static Image of(BufferedImage image, String name, DecodeOptions options, Stored stored)
      throws ImageException {
    DecodeOptions.Alpha alpha = options.alpha();
    ColorModel model = image.getColorModel();
    if (model instanceof IndexColorModel palette) {
      return indexed(image.getRaster(), palette, alpha);
    }
    int colors = model.getNumColorComponents();
    int type = model.getColorSpace().getType();
    int bits = model.getComponentSize(0);
    if (colors == 4 && bits == 8 && !model.hasAlpha()) {
      return cmyk(image.getRaster());
    }
    boolean known =
        (colors == 1 && type == ColorSpace.TYPE_GRAY)
            || (colors == 3 && type == ColorSpace.TYPE_RGB);
    if (!known || bits > 16) {
      throw new ImageException(
          name,
          "has "
              + colors
              + " colours of "
              + bits
              + " bits in an unknown colour space; convert it to gray or RGB");
    }
    boolean hasAlpha = model.hasAlpha();
    boolean isUpper = bits > 8 && options.depth() == DecodeOptions.Depth.PILLOW;
    IntBinaryOperator reduce = (sample, band) -> sample;
    if (isUpper) {
      reduce = upper(bits, colors == 1 && (stored.isPlainGray || !hasAlpha));
    } else if (bits < 8) {
      reduce = upTo255(model.getComponentSize());
    }
    int max = isUpper || bits < 8 ? 255 : (1 << bits) - 1;
    boolean isPremultiplied = hasAlpha && (stored.isPremultiplied || model.isAlphaPremultiplied());
    Samples samples = new Samples(colors, hasAlpha, isPremultiplied, max, reduce);
    return direct(image.getRaster(), samples, options.alpha());
  }

  /**
   * How a raster's samples are read.
   *
   * @param max the largest sample after {@code reduce}
   * @param reduce a sample and its band to the sample that is used
   */
  private record Samples(
      int colors, boolean hasAlpha, boolean isPremultiplied, int max, IntBinaryOperator reduce) {}

  /** CMYK without a profile, as Pillow converts it. */
  private static Image cmyk(Raster raster) {
    int width = raster.getWidth();
    int height = raster.getHeight();
    byte[] result = new byte[width * height * 3];
    int[] row = new int[width * 4];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        int light = 255 - row[4 * x + 3];
        for (int c = 0; c < 3; c++) {
          int product = row[4 * x + c] * light + 128;
          result[at++] = (byte) Math.max(0, light - ((product >> 8) + product >> 8));
        }
      }
    }
    return new Image(width, height, 3, result);
  }

  /** A sample of more than 8 bits as Pillow converts it. */
  private static IntBinaryOperator upper(int bits, boolean isClipped) {
    return isClipped
        ? (sample, band) -> Math.min(sample, 255)
        : (sample, band) -> sample >> bits - 8;
  }

  /** A sample of fewer than 8 bits as Pillow converts it: red and green may have several sizes. */
  private static IntBinaryOperator upTo255(int[] bits) {
    return (sample, band) -> sample * 255 / ((1 << bits[band]) - 1);
  }

  private static Image direct(Raster raster, Samples samples, DecodeOptions.Alpha alpha) {
    int width = raster.getWidth();
    int height = raster.getHeight();
    int bands = raster.getNumBands();
    int colors = samples.colors;
    int max = samples.max;
    byte[] result = new byte[width * height * colors];
    int[] row = new int[width * bands];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        int opacity =
            samples.hasAlpha ? samples.reduce.applyAsInt(row[x * bands + colors], colors) : max;
        for (int c = 0; c < colors; c++) {
          int sample = samples.reduce.applyAsInt(row[x * bands + c], c);
          if (samples.isPremultiplied) {
            sample = divided(sample, opacity, max);
          }
          result[at++] =
              (byte) (max == 255 && opacity == max ? sample : blend(sample, opacity, max, alpha));
        }
      }
    }
    return new Image(width, height, colors, result);
  }

  /** A colour that was stored as product with its opacity, as Pillow restores it. */
  private static int divided(int product, int opacity, int max) {
    return opacity == 0 ? 0 : (int) Math.min(max, (long) product * max / opacity);
  }

  private static Image indexed(Raster raster, IndexColorModel palette, DecodeOptions.Alpha alpha) {
    int size = palette.getMapSize();
    byte[][] table = new byte[size][3];
    boolean gray = true;
    for (int i = 0; i < size; i++) {
      int opacity = palette.getAlpha(i);
      table[i][0] = blend(palette.getRed(i), opacity, 255, alpha);
      table[i][1] = blend(palette.getGreen(i), opacity, 255, alpha);
      table[i][2] = blend(palette.getBlue(i), opacity, 255, alpha);
      gray &= table[i][0] == table[i][1] && table[i][1] == table[i][2];
    }
    int width = raster.getWidth();
    int height = raster.getHeight();
    int channels = gray ? 1 : 3;
    byte[] result = new byte[width * height * channels];
    int[] row = new int[width * raster.getNumBands()];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        // An index beyond the palette is an error of the file that the decoder accepts; use the
        // last colour.
        byte[] color = table[Math.min(row[x], size - 1)];
        for (int c = 0; c < channels; c++) {
          result[at++] = color[c];
        }
      }
    }
    return new Image(width, height, channels, result);
  }

  /** A sample of 0..max with an opacity of 0..max, to 8 bits, rounded to nearest. */
  static byte blend(int sample, int opacity, int max, DecodeOptions.Alpha alpha) {
    int background = alpha == DecodeOptions.Alpha.WHITE ? max : 0;
    long scaled =
        alpha == DecodeOptions.Alpha.DROP
            ? (long) sample * max
            : (long) sample * opacity + (long) background * (max - opacity);
    long whole = (long) max * max;
    return (byte) ((scaled * 255 + whole / 2) / whole);
  }
}
