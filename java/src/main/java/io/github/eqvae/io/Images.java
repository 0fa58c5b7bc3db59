package io.github.eqvae.io;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.IIOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Reads the formats of {@link ImageFormat}, and writes PNG. The format is told by content, the EXIF
 * orientation is applied, sizes are checked before anything is allocated, and a file cut short is
 * refused rather than filled up with gray. RGB samples are taken as they are stored: an embedded
 * colour profile is applied to CMYK only, as in the training code of PyTorch projects.
 */
public final class Images {
  private static final long MAX_FILE_BYTES = 1L << 30;

  private static final int PNG_COLOR_TYPE = 25;

  private Images() {}

  /**
   * Reads a picture with the default options.
   *
   * @param file a file of one of the formats, whatever its name
   * @return the picture
   * @throws IOException if it cannot be read or decoded; the message names the file and the cause
   */
  public static Image read(Path file) throws IOException {
    return read(file, DecodeOptions.DEFAULT);
  }

  /**
   * Reads a picture.
   *
   * @param file a file of one of the formats, whatever its name
   * @param options limits, and what becomes of transparency
   * @return the picture
   * @throws IOException if it cannot be read or decoded; the message names the file and the cause
   */
  public static Image read(Path file, DecodeOptions options) throws IOException {
    byte[] bytes =
        Retrying.read(
            file,
            () -> {
              long size = Files.size(file);
              if (size > MAX_FILE_BYTES) {
                throw new ImageException(
                    file.toString(), "has " + size + " bytes, more than " + MAX_FILE_BYTES);
              }
              return Files.readAllBytes(file);
            });
    return decode(bytes, file.toString(), options);
  }

  /**
   * Decodes a picture.
   *
   * @param bytes the file's content
   * @param name what messages call it
   * @param options limits, and what becomes of transparency
   * @return the picture
   * @throws ImageException if it cannot be decoded
   */
  public static Image decode(byte[] bytes, String name, DecodeOptions options)
      throws ImageException {
    ImageFormat format =
        ImageFormat.of(bytes)
            .orElseThrow(
                () -> new ImageException(name, ImageFormat.refusal(".png", bytes).orElseThrow()));
    boolean isStored =
        options.orientation() == DecodeOptions.Orientation.STORED && format != ImageFormat.TIFF;
    int orientation = isStored ? 1 : Exif.orientation(bytes, format);
    // What is turned is there twice for a moment.
    int bytesPerPixel = format.bytesPerPixel() + (orientation == 1 ? 0 : 3);
    try {
      Image image =
          switch (format) {
            case PNM -> Pnm.read(bytes, name, options);
            case WEBP -> Webp.read(bytes, name, options);
            case JPEG, PNG, BMP, TIFF -> decode(bytes, format, name, options, bytesPerPixel);
          };
      return Exif.upright(image, orientation);
    } catch (OutOfMemoryError e) {
      // In spite of the estimate; nothing of the picture is kept.
      throw new ImageException(name, "there is not enough memory to decode it", e);
    }
  }

  /** Decodes with ImageIO. */
  private static Image decode(
      byte[] bytes, ImageFormat format, String name, DecodeOptions options, int bytesPerPixel)
      throws ImageException {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format.readerName());
    if (!readers.hasNext()) {
      throw new ImageException(name, "this Java has no decoder for " + format);
    }
    ImageReader reader = readers.next();
    try (ImageInputStream input =
        new MemoryCacheImageInputStream(
            new ByteArrayInputStream(
                format == ImageFormat.BMP
                    ? withLength(bytes)
                    : ColorProfile.hide(bytes, format)))) {
      String[] truncation = {""};
      reader.addIIOReadWarningListener(
          (source, warning) -> {
            // The words of libjpeg and of the JDK around it; they have no translations.
            String text = warning.toLowerCase(Locale.ROOT);
            if (text.contains("premature end") || text.contains("truncated")) {
              truncation[0] = warning;
            }
          });
      reader.setInput(input, true, true);
      int width = reader.getWidth(0);
      int height = reader.getHeight(0);
      checkSize(name, width, height, options);
      try (DecodeMemory.Share _ = DecodeMemory.HEAP.reserve(name, width, height, bytesPerPixel)) {
        BufferedImage decoded = reader.read(0);
        if (!truncation[0].isEmpty()) {
          throw new ImageException(name, "the file is cut short (" + truncation[0] + ")");
        }
        boolean isPlainGray = format == ImageFormat.PNG && bytes[PNG_COLOR_TYPE] == 0;
        return Pixels.ofOwn(decoded, name, options, isPlainGray);
      }
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // Decoders answer damaged files with whatever their parsing runs into.
      throw new ImageException(name, "cannot be decoded as " + format + ": " + cause(e), e);
    } finally {
      reader.dispose();
    }
  }

  /** A BMP file that says how long it is; many say 0, which the JDK's reader refuses. */
  private static byte[] withLength(byte[] bmp) {
    byte[] out = bmp.clone();
    ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN).putInt(2, out.length);
    return out;
  }

  static void checkSize(String name, int width, int height, DecodeOptions options)
      throws ImageException {
    long pixels = (long) width * height;
    // The limit of one array bounds what the options allow.
    long limit = Math.min(options.maxPixels(), (Integer.MAX_VALUE - 8) / 4);
    if (width < 1 || height < 1 || pixels > limit) {
      throw new ImageException(
          name, "is " + width + "x" + height + ", expected 1 to " + limit + " pixels");
    }
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

  /**
   * A picture of AWT's.
   *
   * @param image of any type
   * @param options what becomes of transparency and of 16 bits
   * @return gray if it is gray, else RGB
   * @throws ImageException if its pixels cannot be read
   */
  public static Image of(BufferedImage image, DecodeOptions options) throws ImageException {
    BufferedImage own = image;
    if (image.isAlphaPremultiplied()) { // taken apart in place, so in a copy
      own = new BufferedImage(image.getColorModel(), image.copyData(null), true, null);
    }
    return Pixels.of(own, "the image", options, false);
  }

  /**
   * A picture for AWT.
   *
   * @param image the picture
   * @return {@code TYPE_BYTE_GRAY} or {@code TYPE_3BYTE_BGR}
   */
  public static BufferedImage toBufferedImage(Image image) {
    BufferedImage buffered =
        new BufferedImage(
            image.width(),
            image.height(),
            image.channels() == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_3BYTE_BGR);
    int row = image.width() * image.channels();
    int[] samples = new int[row];
    for (int y = 0; y < image.height(); y++) {
      for (int i = 0; i < row; i++) {
        samples[i] = image.data()[y * row + i] & 0xff;
      }
      buffered.getRaster().setPixels(0, y, image.width(), 1, samples);
    }
    return buffered;
  }

  /**
   * Encodes a picture as PNG.
   *
   * @param image the picture
   * @return the file's content; the same picture gives the same bytes
   */
  public static byte[] png(Image image) {
    BufferedImage buffered = toBufferedImage(image);
    ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream output = new MemoryCacheImageOutputStream(bytes)) {
      writer.setOutput(output);
      writer.write(buffered);
    } catch (IOException e) {
      throw new AssertionError("writing to memory cannot fail", e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /**
   * Writes or replaces a PNG file, atomically.
   *
   * @param file the file; its directory must exist
   * @param image the picture
   * @throws IOException if writing fails
   */
  public static void writePng(Path file, Image image) throws IOException {
    AtomicFiles.write(file, png(image));
  }
}
