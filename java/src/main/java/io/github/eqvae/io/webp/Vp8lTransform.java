package io.github.eqvae.io.webp;

/** The inverse transforms of a lossless picture (RFC 9649, section 3.5). */
sealed interface Vp8lTransform {
  int BLACK = 0xff000000;

  /**
   * Undoes it.
   *
   * @param pixels changed, or replaced
   * @param height rows
   * @return the result
   */
  int[] invert(int[] pixels, int height);

  /** The sums of all four channels, each modulo 256. */
  static int add(int a, int b) {
    return (a & 0xff00ff00) + (b & 0xff00ff00) & 0xff00ff00
        | (a & 0x00ff00ff) + (b & 0x00ff00ff) & 0x00ff00ff;
  }

  /**
   * Pixels were predicted from those above and to the left.
   *
   * @param width pixels in a row
   * @param bits of the side of a square that is predicted in one way
   * @param modes of the squares, in green
   */
  record Predictor(int width, int bits, int[] modes) implements Vp8lTransform {
    @Override
    public int[] invert(int[] pixels, int height) {
      int perRow = (width + (1 << bits) - 1) >> bits;
      for (int i = 0; i < pixels.length; i++) {
        int x = i % width;
        int y = i / width;
        int predicted;
        if (y == 0) {
          predicted = x == 0 ? BLACK : pixels[i - 1];
        } else if (x == 0) {
          predicted = pixels[i - width];
        } else {
          int mode = modes[(y >> bits) * perRow + (x >> bits)] >> 8 & 15;
          predicted = predict(mode, pixels, i);
        }
        pixels[i] = add(pixels[i], predicted);
      }
      return pixels;
    }

    /**
     * For the last pixel of a row, the first pixel of the same row counts as above and to the
     * right.
     */
    private int predict(int mode, int[] p, int i) {
      int left = p[i - 1];
      int above = p[i - width];
      int aboveRight = p[i - width + 1];
      int corner = p[i - width - 1];
      return switch (mode) {
        case 1 -> left;
        case 2 -> above;
        case 3 -> aboveRight;
        case 4 -> corner;
        case 5 -> mean(mean(left, aboveRight), above);
        case 6 -> mean(left, corner);
        case 7 -> mean(left, above);
        case 8 -> mean(corner, above);
        case 9 -> mean(above, aboveRight);
        case 10 -> mean(mean(left, corner), mean(above, aboveRight));
        case 11 -> distance(above, corner) < distance(left, corner) ? left : above;
        case 12 -> gradient(left, above, corner);
        case 13 -> halfGradient(mean(left, above), corner);
        default -> BLACK;
      };
    }

    private static int mean(int a, int b) {
      return (((a ^ b) & 0xfefefefe) >>> 1) + (a & b);
    }

    private static int distance(int a, int b) {
      int sum = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        sum += Math.abs((a >>> shift & 0xff) - (b >>> shift & 0xff));
      }
      return sum;
    }

    private static int gradient(int a, int b, int c) {
      int out = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        int sum = (a >>> shift & 0xff) + (b >>> shift & 0xff) - (c >>> shift & 0xff);
        out |= Math.clamp(sum, 0, 255) << shift;
      }
      return out;
    }

    private static int halfGradient(int a, int b) {
      int out = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        int channel = a >>> shift & 0xff;
        int sum = channel + (channel - (b >>> shift & 0xff)) / 2;
        out |= Math.clamp(sum, 0, 255) << shift;
      }
      return out;
    }
  }

  /**
   * Red and blue were predicted from green, blue from red, too.
   *
   * @param width pixels in a row
   * @param bits of the side of a square with the same factors
   * @param factors of the squares, in 1/32: green to red in blue, green to blue in green, red to
   *     blue in red
   */
  record Color(int width, int bits, int[] factors) implements Vp8lTransform {
    @Override
    public int[] invert(int[] pixels, int height) {
      int perRow = (width + (1 << bits) - 1) >> bits;
      for (int i = 0; i < pixels.length; i++) {
        int factor = factors[(i / width >> bits) * perRow + (i % width >> bits)];
        byte green = (byte) (pixels[i] >> 8);
        int red = (pixels[i] >> 16) + part((byte) factor, green) & 0xff;
        int blue = pixels[i] + part((byte) (factor >> 8), green);
        blue = blue + part((byte) (factor >> 16), (byte) red) & 0xff;
        pixels[i] = pixels[i] & 0xff00ff00 | red << 16 | blue;
      }
      return pixels;
    }

    private static int part(byte factor, byte value) {
      return factor * value >> 5;
    }
  }

  /** Green was subtracted from red and blue. */
  record SubtractGreen() implements Vp8lTransform {
    @Override
    public int[] invert(int[] pixels, int height) {
      for (int i = 0; i < pixels.length; i++) {
        int green = pixels[i] >> 8 & 0xff;
        pixels[i] = add(pixels[i], green << 16 | green);
      }
      return pixels;
    }
  }

  /**
   * Green has indices into a palette. If there are few colours, one value has the indices of
   * several pixels.
   *
   * @param width pixels in a row of the result
   * @param bits logarithm of the number of pixels in one value
   * @param colors the palette; indices beyond it are transparent black
   */
  record Palette(int width, int bits, int[] colors) implements Vp8lTransform {
    @Override
    public int[] invert(int[] pixels, int height) {
      int perRow = (width + (1 << bits) - 1) >> bits;
      int perPixel = 8 >> bits;
      int[] out = bits == 0 ? pixels : new int[width * height];
      for (int i = 0; i < out.length; i++) {
        int x = i % width;
        int packed = pixels[i / width * perRow + (x >> bits)] >> 8 & 0xff;
        int index = packed >> (x & (1 << bits) - 1) * perPixel & (1 << perPixel) - 1;
        out[i] = index < colors.length ? colors[index] : 0;
      }
      return out;
    }
  }
}
