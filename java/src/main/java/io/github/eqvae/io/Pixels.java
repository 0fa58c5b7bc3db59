package io.github.eqvae.io;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;

/**
 * Takes the samples out of what ImageIO decoded. They are read from the raster: {@code getRGB}
 * would pass gray through a linear colour space and brighten it.
 */
final class Pixels {
  private Pixels() {}

  static Image of(BufferedImage image, String name, DecodeOptions.Alpha alpha)
      throws ImageException {
    ColorModel model = image.getColorModel();
    if (model instanceof IndexColorModel palette) {
      return indexed(image.getRaster(), palette, alpha);
    }
    int colors = model.getNumColorComponents();
    int type = model.getColorSpace().getType();
    boolean known =
        (colors == 1 && type == ColorSpace.TYPE_GRAY)
            || (colors == 3 && type == ColorSpace.TYPE_RGB);
    int bits = model.getComponentSize(0);
    if (!known || bits > 16) {
      throw new ImageException(
          name,
          "has "
              + colors
              + " colours of "
              + bits
              + " bits in an unknown colour space; convert it to gray or RGB");
    }
    if (model.hasAlpha() && model.isAlphaPremultiplied()) {
      image.coerceData(false);
    }
    return direct(image.getRaster(), colors, model.hasAlpha(), (1 << bits) - 1, alpha);
  }

  private static Image direct(
      Raster raster, int colors, boolean hasAlpha, int max, DecodeOptions.Alpha alpha) {
    int width = raster.getWidth();
    int height = raster.getHeight();
    int bands = raster.getNumBands();
    byte[] result = new byte[width * height * colors];
    int[] row = new int[width * bands];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        int opacity = hasAlpha ? row[x * bands + colors] : max;
        for (int c = 0; c < colors; c++) {
          int sample = row[x * bands + c];
          result[at++] =
              (byte) (max == 255 && opacity == max ? sample : blend(sample, opacity, max, alpha));
        }
      }
    }
    return new Image(width, height, colors, result);
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
        // An index beyond the palette is an error of the file that the decoder lets pass; take the
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
    int behind = alpha == DecodeOptions.Alpha.OVER_WHITE ? max : 0;
    long scaled =
        alpha == DecodeOptions.Alpha.DROP
            ? (long) sample * max
            : (long) sample * opacity + (long) behind * (max - opacity);
    long whole = (long) max * max;
    return (byte) ((scaled * 255 + whole / 2) / whole);
  }
}
