package io.github.eqvae.io;

import java.awt.Rectangle;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import javax.imageio.IIOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReadParam;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** A JPEG, PNG, BMP or TIFF file, opened: ImageIO decodes it whole or a part of it. */
final class ImageIoPicture implements AutoCloseable {
  private static final int PNG_COLOR_TYPE = 25;

  private final ImageFormat format;
  private final String name;
  private final DecodeOptions options;
  private final Pixels.Stored stored;
  private final ImageReader reader;
  private final ImageInputStream input;

  /** The decoder's warning that the file is truncated; empty if there was none. */
  private final AtomicReference<String> truncation = new AtomicReference<>("");

  private final int width;
  private final int height;

  ImageIoPicture(byte[] bytes, ImageFormat format, String name, DecodeOptions options)
      throws ImageException {
    this.format = format;
    this.name = name;
    this.options = options;
    boolean isPlainGray =
        format == ImageFormat.PNG && bytes.length > PNG_COLOR_TYPE && bytes[PNG_COLOR_TYPE] == 0;
    boolean isPremultiplied = format == ImageFormat.TIFF && TiffHeader.isPremultiplied(bytes);
    stored = new Pixels.Stored(isPlainGray, isPremultiplied);
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format.readerName());
    if (!readers.hasNext()) {
      throw new ImageException(name, "this Java has no decoder for " + format);
    }
    reader = readers.next();
    byte[] file =
        switch (format) {
          case BMP -> withLength(bytes);
          case JPEG -> JpegHeader.of(bytes).asLibjpeg(bytes);
          default -> bytes; // their decoders do not apply a profile
        };
    input = new MemoryCacheImageInputStream(new ByteArrayInputStream(file));
    reader.addIIOReadWarningListener(
        (source, warning) -> {
          // Warnings of libjpeg and of the JDK's reader are in English in every locale.
          String text = warning.toLowerCase(Locale.ROOT);
          if (text.contains("premature end") || text.contains("truncated")) {
            truncation.set(warning);
          }
        });
    try {
      reader.setInput(input, false, true);
      width = reader.getWidth(0);
      height = reader.getHeight(0);
      Images.checkSize(name, width, height, options);
    } catch (ImageException e) {
      close();
      throw e;
    } catch (IOException | RuntimeException e) {
      close();
      throw broken(e);
    }
  }

  int width() {
    return width;
  }

  int height() {
    return height;
  }

  /** The whole picture, as stored. */
  Image read() throws ImageException {
    return read(reader.getDefaultReadParam());
  }

  /** A part of it, with the pixels that the whole picture has there. */
  Image read(Rectangle area) throws ImageException {
    ImageReadParam param = reader.getDefaultReadParam();
    param.setSourceRegion(area);
    return read(param);
  }

  private Image read(ImageReadParam param) throws ImageException {
    try {
      BufferedImage decoded = reader.read(0, param);
      if (!truncation.get().isEmpty()) {
        throw new ImageException(name, "the file is cut short (" + truncation.get() + ")");
      }
      return Pixels.ofOwn(decoded, name, options, stored);
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw broken(e);
    }
  }

  @Override
  public void close() {
    reader.dispose();
    try {
      input.close();
    } catch (IOException e) {
      throw new AssertionError("closing memory cannot fail", e);
    }
  }

  /** Decoders throw all kinds of exceptions for damaged files. */
  private ImageException broken(Exception e) {
    return new ImageException(name, "cannot be decoded as " + format + ": " + cause(e), e);
  }

  /**
   * A copy of a BMP file with its size in the header. Many files have 0 there, which the JDK's
   * reader refuses.
   */
  private static byte[] withLength(byte[] bmp) {
    byte[] out = bmp.clone();
    ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN).putInt(2, out.length);
    return out;
  }

  private static String cause(Exception e) {
    Throwable deepest = e;
    while (deepest.getCause() != null) {
      deepest = deepest.getCause();
    }
    String text = deepest.getMessage();
    return deepest instanceof IIOException && text != null
        ? text
        : deepest.getClass().getSimpleName() + (text == null ? "" : ": " + text);
  }
}
