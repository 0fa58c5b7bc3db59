package io.github.eqvae.io;

import io.github.eqvae.io.webp.Vp8Decoder;
import io.github.eqvae.io.webp.Vp8lDecoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * WebP files: the picture, or the first frame of an animation on a canvas that is otherwise black,
 * and transparent if the file says so. Source: the WebP container specification, RFC 9649.
 */
final class Webp {
  private static final int HEADER = 8;
  private static final int FRAME_HEADER = 16;
  private static final int MAX_CHUNKS = 1000;

  private final byte[] file;
  private final ByteBuffer bytes;
  private final String name;
  private final DecodeOptions options;

  /** Size of the canvas; 0 if only the picture has a size. */
  private int canvasWidth;

  private int canvasHeight;

  private boolean isAnimated;
  private boolean isInFrame;

  /** Whether the canvas is transparent outside the frame. */
  private boolean isCanvasClear;

  /** Position of the frame on the canvas, and its size. */
  private int frameX;

  private int frameY;
  private int width;
  private int height;

  private DecodeMemory.Share share = () -> {};
  private byte[] colors = {};
  private byte @Nullable [] opacity;

  private Webp(byte[] file, String name, DecodeOptions options) {
    this.file = file;
    this.bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    this.name = name;
    this.options = options;
  }

  static Image read(byte[] file, String name, DecodeOptions options) throws ImageException {
    Webp webp = new Webp(file, name, options);
    try {
      long size = webp.bytes.getInt(4) & 0xffffffffL;
      if (size > file.length - HEADER) {
        throw new ImageException(name, "the file is cut short");
      }
      webp.chunks(12, file.length);
      return webp.image();
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new ImageException(name, "cannot be decoded as WEBP: " + e.getMessage(), e);
    } finally {
      webp.share.close();
    }
  }

  /** Reads chunks until a picture is found. */
  private void chunks(int from, int to) throws IOException {
    int at = from;
    int alphaFrom = 0;
    int alphaTo = 0;
    for (int count = 0; colors.length == 0; count++) {
      if (to - at < HEADER || count > MAX_CHUNKS) {
        throw new ImageException(name, "has no picture, or is cut short");
      }
      long size = bytes.getInt(at + 4) & 0xffffffffL;
      int begin = at + HEADER;
      if (size > to - begin) {
        throw new ImageException(name, "the file is cut short");
      }
      int end = begin + (int) size;
      switch (new String(file, at, 4, StandardCharsets.ISO_8859_1)) {
        case "VP8X" -> canvas(begin, end);
        case "ANMF" -> frame(begin, end);
        case "ALPH" -> {
          alphaFrom = begin;
          alphaTo = end;
        }
        case "VP8 " -> {
          lossy(begin, end);
          if (alphaTo > alphaFrom && options.alpha() != DecodeOptions.Alpha.DROP) {
            opacity = alpha(alphaFrom, alphaTo);
          }
        }
        case "VP8L" -> lossless(begin, end);
        default -> {}
      }
      at = (int) Math.min(to, (long) end + (size & 1));
    }
  }

  private void canvas(int begin, int end) throws ImageException {
    require(end - begin >= 10);
    isAnimated = (file[begin] & 2) != 0;
    isCanvasClear = (file[begin] & 16) != 0;
    canvasWidth = 1 + number(begin + 4);
    canvasHeight = 1 + number(begin + 7);
    Images.checkSize(name, canvasWidth, canvasHeight, options);
  }

  private void frame(int begin, int end) throws IOException {
    require(isAnimated && !isInFrame && end - begin >= FRAME_HEADER);
    isInFrame = true; // deeply nested frames would overflow the stack
    frameX = 2 * number(begin);
    frameY = 2 * number(begin + 3);
    chunks(begin + FRAME_HEADER, end);
  }

  private void lossy(int begin, int end) throws IOException {
    int[] size = Vp8Decoder.size(file, begin, end);
    size(size[0], size[1]);
    colors = Vp8Decoder.decode(file, begin, end).rgb();
  }

  private void lossless(int begin, int end) throws IOException {
    int[] header = Vp8lDecoder.header(file, begin, end);
    size(header[0], header[1]);
    int[] pixels = Vp8lDecoder.decode(file, begin, end);
    byte[] rgb = new byte[3 * pixels.length];
    byte[] alpha = new byte[header[2] * pixels.length];
    for (int i = 0; i < pixels.length; i++) {
      rgb[3 * i] = (byte) (pixels[i] >> 16);
      rgb[3 * i + 1] = (byte) (pixels[i] >> 8);
      rgb[3 * i + 2] = (byte) pixels[i];
      if (alpha.length > 0) {
        alpha[i] = (byte) (pixels[i] >> 24);
      }
    }
    colors = rgb;
    opacity = alpha.length > 0 ? alpha : null;
  }

  /** The picture's size: within the canvas, or all of it. */
  private void size(int pictureWidth, int pictureHeight) throws ImageException {
    Images.checkSize(name, pictureWidth, pictureHeight, options);
    width = pictureWidth;
    height = pictureHeight;
    if (canvasWidth == 0) {
      canvasWidth = width;
      canvasHeight = height;
    }
    require(width <= canvasWidth - frameX && height <= canvasHeight - frameY);
    share.close();
    int bytesPerPixel = ImageFormat.WEBP.bytesPerPixel();
    share = DecodeMemory.HEAP.reserve(name, canvasWidth, canvasHeight, bytesPerPixel);
    require(isAnimated || (width == canvasWidth && height == canvasHeight));
  }

  /** The opacity of a lossy picture. */
  private byte[] alpha(int begin, int end) throws IOException {
    int method = file[begin] & 3;
    byte[] out = new byte[width * height];
    if (method == 0) {
      require(end - begin - 1 >= out.length);
      System.arraycopy(file, begin + 1, out, 0, out.length);
    } else {
      require(method == 1);
      // The values are in green.
      int[] pixels = Vp8lDecoder.decodeBody(file, begin + 1, end, width, height);
      for (int i = 0; i < out.length; i++) {
        out[i] = (byte) (pixels[i] >> 8);
      }
    }
    unfilter(out, file[begin] >> 2 & 3);
    return out;
  }

  /** Adds the prediction: none, from the left, from above, or from both. */
  private void unfilter(byte[] out, int filter) {
    for (int i = 1; filter != 0 && i < out.length; i++) {
      int x = i % width;
      int left = x > 0 ? out[i - 1] & 0xff : 0;
      int above = i >= width ? out[i - width] & 0xff : 0;
      int predicted;
      if (i < width || (filter == 1 && x > 0)) {
        predicted = left;
      } else if (filter == 2 || x == 0) {
        predicted = above;
      } else {
        predicted = Math.clamp(left + above - (out[i - width - 1] & 0xff), 0, 255);
      }
      out[i] += (byte) predicted;
    }
  }

  /** The frame on its canvas. */
  private Image image() {
    boolean isWhole = width == canvasWidth && height == canvasHeight;
    byte[] alpha = opacity;
    if (isWhole && (alpha == null || options.alpha() == DecodeOptions.Alpha.DROP)) {
      return new Image(width, height, 3, colors);
    }
    byte[] out = new byte[canvasWidth * canvasHeight * 3];
    Arrays.fill(out, Pixels.blend(0, isCanvasClear ? 0 : 255, 255, options.alpha()));
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int from = y * width + x;
        int to = (frameY + y) * canvasWidth + frameX + x;
        int opaque = alpha == null ? 255 : alpha[from] & 0xff;
        for (int c = 0; c < 3; c++) {
          out[3 * to + c] = Pixels.blend(colors[3 * from + c] & 0xff, opaque, 255, options.alpha());
        }
      }
    }
    return new Image(canvasWidth, canvasHeight, 3, out);
  }

  private int number(int at) {
    return bytes.getShort(at) & 0xffff | (file[at + 2] & 0xff) << 16;
  }

  private void require(boolean isTrue) throws ImageException {
    if (!isTrue) {
      throw new ImageException(name, "its parts do not fit together, or are cut short");
    }
  }
}
